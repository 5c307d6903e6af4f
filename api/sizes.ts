/** Sizes as people write them, and as PVC shows them. */
import { PvcError } from '../runtime/errors.js';

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P', 'E'] as const;
/** What disks are counted in. */
const SECTOR = 512;
const SIZE_MAX = 2 ** 53 - SECTOR;

/**
 * `10G`, `10GiB`, `10GB`, `512M`, `1.5T`, `1048576`: bytes, in powers of 1024 (PVC's), up to whole sectors.
 * Throws PVC_INVALID.
 */
export function parseSize(text: string): number {
  const found = /^(\d{1,16}(?:\.\d{1,6})?)\s*(?:([BKMGTPE])(?:i?B)?)?$/i.exec(text.trim());
  const power = UNITS.indexOf((found?.[2] ?? 'B').toUpperCase() as (typeof UNITS)[number]);
  const bytes = found === null ? NaN : Math.ceil(Number(found[1]) * 1024 ** power / SECTOR) * SECTOR;
  if (bytes > SIZE_MAX) {
    throw new PvcError('PVC_INVALID', `'${text.slice(0, 40)}' is too large: 8191T is the most`);
  }
  if (!(bytes > 0)) {
    throw new PvcError('PVC_INVALID', `'${text.slice(0, 40)}' is no size: write a number above 0 and a unit, as in 10G `
      + '(B, K, M, G, T or P; KiB, MiB, ... are the same)');
  }
  return bytes;
}

/** Rounded up, in the first unit that needs at most four digits: PVC's rule. */
export function sizeText(bytes: number): string {
  let rest = bytes;
  for (const unit of UNITS) {
    if (Math.ceil(rest) < 10_000) return `${Math.ceil(rest)}${unit}`;
    rest /= 1024;
  }
  return `${bytes}B`;
}
