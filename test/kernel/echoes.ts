/**
 * ping with `count` packets, all of them at once; where it goes from and to, and further options, may follow. For the last
 * answer it waits no longer than twice what another one took, or for an interval: that is long, since nothing waits for
 * it where all have come.
 */
export function echoes(count: number): readonly string[] {
  return ['ping', '-c', `${count}`, '-l', `${count}`, '-i', '10', '-W', '10'];
}
