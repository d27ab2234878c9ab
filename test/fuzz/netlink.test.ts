import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../src/lib/ip.ts';
import { SystemFailure } from '../../src/sys/failure.ts';
import { type Libc, libc } from '../../src/sys/libc.ts';
import { native } from '../../src/sys/native.ts';
import { Routing } from '../../src/sys/routing/routing.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns } from './mutate.ts';

/*
 * A kernel whose answers are cut short or have zeros in the wrong places: what is asked of it is answered, or fails as a
 * system call does. No other error, and no waiting for what does not come.
 */

const real = libc();
const door = native();
const EAGAIN = 11;
const O_RDONLY = 0;

/** The C library with a `recv` that spoils what the kernel said. */
function spoilt(good: Libc, zeros: number, random: Random): Libc {
  let dry = false;
  let taken = 0;
  return {
    ...good,
    send: (...of) => {
      taken = 0;
      return good.send(...of);
    },
    errno: () => (dry ? EAGAIN : good.errno()),
    recv: (fd, data, length, flags) => {
      // Whoever lost the end of an answer waits for it in vain; here at once.
      dry = taken > 1;
      if (dry) return -1;
      taken++;
      const came = good.recv(fd, data, length, flags);
      if (came <= 0) return came;
      for (let i = random.below(4); i > 0; i--) {
        const at = random.below(came);
        good.read(zeros, data + at, Math.min(1 + random.below(4), came - at));
      }
      return random.chance(0.5) ? came : random.below(came + 1);
    },
  };
}

test(`answers of a kernel that are spoilt (seed ${FUZZ_SEED})`, {
  skip: real === undefined || door === undefined ? 'there are no system calls here' : false,
}, () => {
  if (real === undefined || door === undefined) return;
  const random = new Random(FUZZ_SEED);
  const zeros = real.open('/dev/zero', O_RDONLY);
  assert.ok(zeros >= 0);
  let failed = 0;
  const asked = [
    (of: Routing) => of.links(),
    (of: Routing) => of.addresses(),
    (of: Routing) => of.routes(255),
    (of: Routing) => of.lookup(ip('127.0.0.1')),
    (of: Routing) => of.lookup(ip('127.0.0.1'), { source: ip('127.0.0.1'), mark: 7 }),
  ];
  const runs = fuzzRuns(300);
  for (let run = 0; run < runs; run++) {
    const routing = new Routing(door, spoilt(real, zeros, random));
    try {
      asked[run % asked.length]?.(routing);
    } catch (error) {
      failed++;
      assert.ok(error instanceof SystemFailure, (error as Error).stack ?? '');
    } finally {
      routing.close();
    }
  }
  real.close(zeros);
  assert.ok(failed > runs / 4 && failed < runs, `${failed} of ${runs}`);
});
