import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failed } from '../policy/failure.ts';
import { become, idsOf } from './lesser-user.ts';

const FILES = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\ncygnet:x:990:980::/:/usr/sbin/nologin\n',
  group: 'root:x:0:\nadm:x:4:syslog\ncygnet:x:980:\n',
};
const read = (name: 'passwd' | 'group'): string => FILES[name];

for (const [user, group, uid, gid] of [
  ['cygnet', undefined, 990, 980],
  ['cygnet', 'adm', 990, 4],
  ['cygnet', '77', 990, 77],
  ['990', undefined, 990, 980],
  ['1234', '77', 1234, 77],
] as const) {
  test(`user ${user}, group ${group ?? 'its own'}: ${uid} and ${gid}`, () => {
    assert.deepEqual(idsOf(user, group, read), { uid, gid });
  });
}

for (const [user, group, says] of [
  ['nobody', undefined, /no user "nobody"/],
  ['cygnet', 'wheel', /no group "wheel"/],
  ['1234', undefined, /no user "1234"/],
  ['', undefined, /no user ""/],
] as const) {
  test(`user "${user}", group "${group}": refused`, () => {
    assert.throws(
      () => idsOf(user, group, read),
      error =>
        error instanceof Failed && error.failure.code === 'config/unknown-name' && says.test(error.message),
    );
  });
}

test('who cannot change is told so', () => {
  assert.throws(
    () => become({ uid: 990, gid: 980 }, undefined),
    error => error instanceof Failed && error.failure.code === 'local/no-privilege',
  );
});
