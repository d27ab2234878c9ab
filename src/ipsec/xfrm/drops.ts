import { readFile } from 'node:fs/promises';

/**
 * What the kernel's IPsec dropped in this network namespace since it began, by the kernel's own names of the reasons,
 * such as `XfrmInNoStates`; empty where it keeps no count (Linux, net/xfrm/xfrm_proc.c).
 */
export async function kernelDrops(path = '/proc/net/xfrm_stat'): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(path, 'latin1').catch(() => '');
  const counts = text.matchAll(/^(Xfrm\w+)[ \t]+(\d{1,20})$/gm);
  return new Map(Array.from(counts, ([, name = '', count]) => [name, Number(count)]));
}
