import { type Lab, mustRun } from '../interop/lab.ts';

/** What a namespace's kernel has of IPsec, as `ip` prints it. */
export interface KernelView {
  readonly states: readonly string[];
  readonly policies: readonly string[];
  readonly routes: readonly string[];
}

/** Names of addresses that stand for each other on the two ends of a tunnel. */
export type Mirror = readonly (readonly [string, string])[];

/**
 * The kernel of `namespace`, without what differs from run to run: SPIs, keys, reqids and counters. `mirror` exchanges
 * addresses, so that the one end can be compared with the other.
 */
export async function kernelView(lab: Lab, namespace: string, mirror: Mirror = []): Promise<KernelView> {
  // One shell for all of it: to start a program from here takes its time in user-mode Linux.
  const { stdout } = await lab.run(namespace, ['sh', '-c', SHOWN.join(`; echo ${BETWEEN}; `)]);
  const [states = '', policies = '', routes = ''] = stdout.split(`${BETWEEN}\n`);
  const show = (text: string): readonly string[] =>
    text
      .split(/\n(?=\S)/)
      .map(block => exchanged(general(block), mirror))
      .filter(block => block !== '')
      .sort();
  return { states: show(states), policies: show(policies), routes: show(routes) };
}

const SHOWN = [
  'ip xfrm state',
  'ip xfrm policy list nosock',
  'ip route show table 220; ip -6 route show table 220',
];
const BETWEEN = '----';

/** What each state of `namespace` has carried; protocols as `ip` calls them. */
export async function trafficOf(
  namespace: string,
): Promise<readonly { protocol: string; spi: string; octets: number; packets: number }[]> {
  const text = await mustRun('ip', ['-n', namespace, '-s', 'xfrm', 'state']);
  const found = text.matchAll(
    /proto (\S+) spi (0x[0-9a-f]+)[\s\S]*?lifetime current:\s+(\d+)\(bytes\), (\d+)\(packets\)/g,
  );
  return [...found].map(([, protocol = '', spi = '', octets, packets]) => ({
    protocol,
    spi,
    octets: Number(octets),
    packets: Number(packets),
  }));
}

/** Packets that the SAs of ESP and AH of `namespace` have carried, by SPI. */
export async function packetsBySpi(namespace: string): Promise<ReadonlyMap<string, number>> {
  const sas = (await trafficOf(namespace)).filter(({ protocol }) => protocol === 'esp' || protocol === 'ah');
  return new Map(sas.map(({ spi, packets }) => [spi, packets]));
}

export const NOTHING: KernelView = { states: [], policies: [], routes: [] };

function general(block: string): string {
  return (
    block
      .replace(/spi 0x[0-9a-f]+(\(\d+\))?/g, 'spi SPI')
      .replace(/reqid \d+/g, 'reqid N')
      // Whatever a router that masquerades chose.
      .replace(/port 2\d{4}\b/g, 'port NAT')
      .replace(/ 0x[0-9a-f]{16,}/g, ' KEY')
      .replace(/seq-hi 0x[0-9a-f]+, seq 0x[0-9a-f]+, oseq-hi 0x[0-9a-f]+, oseq 0x[0-9a-f]+/g, 'numbers')
      .replace(/seq 0x[0-9a-f]+, oseq 0x[0-9a-f]+, bitmap 0x[0-9a-f]+/g, 'numbers')
      .replace(/^\s+[0-9a-f]{8}( [0-9a-f]{8})*\s*$/gm, '')
      .replace(/ dev \S+/g, ' dev WIRE')
      .replace(/\s+/g, ' ')
      .trim()
  );
}

function exchanged(text: string, mirror: Mirror): string {
  let result = text;
  for (const [a, b] of mirror) {
    result = result.replaceAll(a, '\0').replaceAll(b, a).replaceAll('\0', b);
  }
  return result;
}
