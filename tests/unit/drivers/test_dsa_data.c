#include "dsa_testing.h"
