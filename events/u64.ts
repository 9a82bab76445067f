/** The last of the 64-bit numbers: the largest address, offset and length of the uAPI. */
export const U64_MAX = 0xffff_ffff_ffff_ffffn;
