/* Compiled into a library together with a program whose functions tell when they are entered: passes that on. */
#include "program.h"

typedef void (*function_watcher)(const void *function);

static function_watcher watcher;

void host_watch(function_watcher chosen);
/* Hidden, so that the program does not reach the C library's own, which do nothing. */
__attribute__((visibility("hidden"))) void __cyg_profile_func_enter(void *function, void *caller);
__attribute__((visibility("hidden"))) void __cyg_profile_func_exit(void *function, void *caller);

__attribute__((no_instrument_function)) void host_watch(function_watcher chosen)
{
    watcher = chosen;
}

__attribute__((no_instrument_function)) void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)caller;
    if (watcher != 0) {
        watcher(function);
    }
}

__attribute__((no_instrument_function)) void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
}
