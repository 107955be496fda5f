/** NAME_MAX of Linux: no longer name comes through the kernel, and the disk of an XNAT keeps none. */
export const longestNameBytes = 255
