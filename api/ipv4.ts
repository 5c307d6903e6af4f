/** The little IPv4 arithmetic the configuration needs: networks as CIDR, the N-th address of one. */

export interface Network {
  /** First address, as an unsigned number. */
  readonly base: number;
  readonly prefix: number;
}

/** null = not a dotted address. */
export function parseAddress(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

const showAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');

const size = (network: Network): number => 2 ** (32 - network.prefix);

export const isInside = (network: Network, address: number): boolean =>
  address >= network.base && address < network.base + size(network);

/** `10.0.0.0/24`, or an address with the prefix given apart; null = neither. Host bits are cut off. */
export function parseNetwork(text: string, prefixApart: number | null): Network | null {
  const [address = '', prefixText, rest] = text.split('/');
  const prefix = prefixText === undefined ? prefixApart : /^\d{1,2}$/.test(prefixText) ? Number(prefixText) : null;
  const number = parseAddress(address);
  if (rest !== undefined || number === null || prefix === null || prefix < 8 || prefix > 30) return null;
  return { base: number - (number % 2 ** (32 - prefix)), prefix };
}

export const showNetwork = (network: Network): string => `${showAddress(network.base)}/${network.prefix}`;

/** The N-th address of a network (PVC's by-id), or null if it has no such host. */
export function hostAddress(network: Network, hostNumber: number): string | null {
  return hostNumber >= 1 && hostNumber < size(network) - 1 ? showAddress(network.base + hostNumber) : null;
}
