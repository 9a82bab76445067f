/** By the character code: the value of a hexadecimal digit, or -1. */
export const HEX_DIGIT = new Int8Array(256).fill(-1);
for (const digit of '0123456789abcdefABCDEF') HEX_DIGIT[digit.charCodeAt(0)] = Number.parseInt(digit, 16);
