/* Tells how large a program's context is, in a WebAssembly module of its own: it adds nothing to the program's. */
#include <stdint.h>

#include "program.h"

uint32_t context_bytes(void);

__attribute__((export_name("context_bytes"))) uint32_t context_bytes(void)
{
    return (uint32_t)sizeof(program_context);
}
