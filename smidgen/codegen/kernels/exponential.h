/* 2^-x and logarithms by table and a second-order polynomial. Twin of numerics/exponential.py. */
#ifndef SMIDGEN_EXPONENTIAL_H
#define SMIDGEN_EXPONENTIAL_H

#include "dsp.h"
#include "fixed_point.h"

#define SMIDGEN_EXPONENT_MAX ((int32_t)((31U << 24) - 1U))

/* round(2^31 * 2^(-i/128)), i = 0..127. */
static const uint32_t smidgen_exp2_table[128] = {
    2147483648U, 2135885998U, 2124350982U, 2112878262U, 2101467502U, 2090118366U, 2078830522U, 2067603638U,
    2056437387U, 2045331439U, 2034285470U, 2023299156U, 2012372174U, 2001504204U, 1990694927U, 1979944027U,
    1969251188U, 1958616096U, 1948038440U, 1937517909U, 1927054196U, 1916646992U, 1906295993U, 1896000896U,
    1885761398U, 1875577199U, 1865448001U, 1855373507U, 1845353420U, 1835387448U, 1825475297U, 1815616678U,
    1805811301U, 1796058879U, 1786359126U, 1776711757U, 1767116489U, 1757573041U, 1748081133U, 1738640488U,
    1729250827U, 1719911875U, 1710623359U, 1701385007U, 1692196547U, 1683057710U, 1673968228U, 1664927835U,
    1655936265U, 1646993254U, 1638098541U, 1629251865U, 1620452965U, 1611701585U, 1602997467U, 1594340357U,
    1585730000U, 1577166143U, 1568648537U, 1560176931U, 1551751076U, 1543370725U, 1535035634U, 1526745556U,
    1518500250U, 1510299473U, 1502142985U, 1494030547U, 1485961921U, 1477936870U, 1469955159U, 1462016553U,
    1454120821U, 1446267730U, 1438457051U, 1430688553U, 1422962010U, 1415277195U, 1407633882U, 1400031848U,
    1392470869U, 1384950723U, 1377471191U, 1370032052U, 1362633090U, 1355274085U, 1347954824U, 1340675091U,
    1333434672U, 1326233356U, 1319070932U, 1311947188U, 1304861917U, 1297814910U, 1290805962U, 1283834865U,
    1276901417U, 1270005413U, 1263146652U, 1256324931U, 1249540052U, 1242791816U, 1236080024U, 1229404479U,
    1222764986U, 1216161350U, 1209593378U, 1203060876U, 1196563654U, 1190101520U, 1183674286U, 1177281762U,
    1170923762U, 1164600099U, 1158310587U, 1152055042U, 1145833280U, 1139645120U, 1133490379U, 1127368878U,
    1121280436U, 1115224875U, 1109202018U, 1103211687U, 1097253708U, 1091327906U, 1085434106U, 1079572136U,
};

/* 2^(-x / 2^24) in Q31 for x in [0, SMIDGEN_EXPONENT_MAX]; within 2^-24; 2^31 - 1 stands for one. */
SMIDGEN_KERNEL int32_t exp2_negative(int32_t x)
{
    const uint32_t left = smidgen_exp2_table[((uint32_t)x >> 17) & 127U];
    const uint32_t t = ((uint32_t)x & 0x1FFFFU) * 22713U;                              /* rest * ln 2 in Q39, below 2^32 */
    const uint32_t kept = 0xFFFFFFFFU - (t >> 7) + (((t >> 16) * (t >> 16)) >> 15); /* e^-t = 1 - t + t^2 / 2, Q32 */
    return (int32_t)((uint32_t)(((uint64_t)left * kept) >> 32) >> ((uint32_t)x >> 24));
}

/* e^-difference in Q31, difference >= 0, and 0 beyond the limit. Multiplier and shift turn it into an exponent of two in
 * Q24: limit * 2^shift is below 2^31, and its exponent at most SMIDGEN_EXPONENT_MAX. */
SMIDGEN_KERNEL int32_t exp_negative(int32_t difference, int32_t multiplier, int32_t shift, int32_t limit)
{
    if (difference > limit) {
        return 0;
    }
#if SMIDGEN_HAS_DSP
    return exp2_negative(rounded_high_product((int32_t)((uint32_t)difference << shift), multiplier));
#else
    return exp2_negative(multiply_high_rounded((int32_t)((uint32_t)difference << shift), multiplier));
#endif
}

/* ln(value) in Q24 for 0 < value < 2^62, within 2^-23. */
SMIDGEN_KERNEL int32_t logarithm(uint64_t value)
{
    const int32_t size = 64 - __builtin_clzll(value);
    const uint32_t a = (uint32_t)((size > 31) ? (value >> (size - 31)) : (value << (31 - size))); /* Q31 in [0.5, 1) */
    uint32_t index = 0U; /* of the last entry that is not below a */
    for (uint32_t step = 64U; step > 0U; step >>= 1) {
        index += (smidgen_exp2_table[index + step] >= a) ? step : 0U;
    }
    const uint32_t inverse = (index == 0U) ? 0x40000000U : smidgen_exp2_table[128U - index]; /* half of 1 / entry, Q31 */
    const int64_t d = (int64_t)(((uint64_t)(smidgen_exp2_table[index] - a) * inverse) >> 30); /* Q31, below 2^24 */
    const int64_t whole = ((((int64_t)size * 128) - (int64_t)index) * 1488522236) >> 7;       /* ln 2 is 1488522236 */
    return (int32_t)rounded_shift_s64(whole - d - ((d * d) >> 32), 7);
}

#endif
