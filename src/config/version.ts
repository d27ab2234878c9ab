import type { Report } from './report.ts';
import type { Section } from './section.ts';

/** Keys of a connection that the other version alone knows, and the values that ask for nothing. */
const OF_THE_OTHER: Readonly<Record<1 | 2, Readonly<Record<string, readonly unknown[]>>>> = {
  1: {
    mobike: [false],
    childless: ['allow', 'never'],
    tcp: ['no'],
    ppk_id: [undefined],
    ppk_required: [false],
  },
  2: { aggressive: [false], dpd_timeout: [0] },
};

/** Names once what a connection asks for that its version of IKE has not. `section` is that of the connection. */
export function tellOtherVersion(
  section: Section,
  version: 0 | 1 | 2,
  values: Readonly<Record<string, unknown>>,
  report: Report,
): void {
  if (version === 0) return;
  for (const [key, nothing] of Object.entries(OF_THE_OTHER[version])) {
    const setting = section.settings.get(key);
    if (setting?.value === undefined || nothing.includes(values[key])) continue;
    report.warnOnce(
      `${key} in IKEv${version}`,
      setting.at,
      `${key} has no effect in IKEv${version}, which knows nothing of it`,
      'remove it',
    );
  }
}
