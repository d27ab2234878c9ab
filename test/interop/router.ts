import { type Lab, mustRun } from './lab.ts';

/** The interface of `namespace` that has `address`; '' where there is none. */
export async function deviceWith(namespace: string, address: string): Promise<string> {
  const found = await mustRun('ip', ['-n', namespace, '-o', 'addr', 'show', 'to', address]);
  return (/^\d+: (\S+)/.exec(found)?.[1] ?? '').replace(/@.*/, '');
}

export async function forward(lab: Lab, router: string): Promise<void> {
  await lab.run(router, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
}

/** The router hides the hosts of `net` behind its own address. */
export async function masquerade(router: string, net: string): Promise<void> {
  const rules = `add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; add rule ip nat post ip saddr ${net} masquerade`;
  await mustRun('ip', ['netns', 'exec', router, 'nft', rules]);
}

/**
 * `outside` stands for `inside` beyond the router's `device`, ports stay: where the kernel (of `npm run kernel`) has no
 * nftables for IPv4.
 */
export async function translate(
  router: string,
  device: string,
  inside: string,
  outside: string,
): Promise<void> {
  const tc = (...args: string[]) => mustRun('ip', ['netns', 'exec', router, 'tc', ...args]);
  await tc('qdisc', 'add', 'dev', device, 'clsact');
  for (const [way, from, to] of [
    ['egress', `${inside}/32`, outside],
    ['ingress', `${outside}/32`, inside],
  ] as const) {
    const filter = ['filter', 'add', 'dev', device, way, 'protocol', 'ip', 'matchall'];
    await tc(...filter, 'action', 'nat', way, from, to);
  }
}
