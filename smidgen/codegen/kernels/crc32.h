/* CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320) over constant data, bit by bit: small, and only the self-test
 * and the board's report use it. */
#ifndef SMIDGEN_CRC32_H
#define SMIDGEN_CRC32_H

#include "memory.h"

static __attribute__((noinline, unused)) uint32_t crc32_update(uint32_t crc, const void *data, uint32_t count)
{
    const uint8_t *bytes = (const uint8_t *)data;
    SMIDGEN_ROLLED
    for (uint32_t i = 0U; i < count; i++) {
        crc ^= bytes[i];
        SMIDGEN_ROLLED
        for (uint32_t bit = 0U; bit < 8U; bit++) {
            crc = (crc >> 1) ^ (((crc & 1U) != 0U) ? 0xEDB88320U : 0U);
        }
    }
    return crc;
}

#endif
