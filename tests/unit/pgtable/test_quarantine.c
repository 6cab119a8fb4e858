#include "pgt_testing.h"
