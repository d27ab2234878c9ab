import type { Certificate } from '../pki/certificate.ts';
import type { ReadingContext } from './authentication.ts';
import { namedCertificates } from './blobs.ts';
import { AUTHORITY } from './schema/credentials.ts';
import { checkSections, readSection } from './schema.ts';
import type { Section } from './section.ts';

/** The certificates that an `authorities` section names. What is wrong is reported. */
export function authoritiesFrom(
  section: Section | undefined,
  context: ReadingContext,
): readonly Certificate[] {
  return [...(section?.sections.values() ?? [])].flatMap(inner => authorityFrom(inner, context));
}

/** The certificate of one authority; nothing, and a failure, when it names none that can be read. */
export function authorityFrom(section: Section, context: ReadingContext): readonly Certificate[] {
  const values = readSection(section, AUTHORITY, context.report);
  const { cacert, file, handle } = values;
  checkSections(section, () => false, [], context.report);
  const places = (['cacert', 'file', 'handle'] as const).filter(
    key => section.settings.get(key)?.value !== undefined,
  );
  if (places.length > 1) {
    context.report.fail(
      'config/invalid-value',
      section.settings.get(places[1] as string)?.at ?? section.at,
      `authority "${section.name}" says twice where its certificate is: ${places.join(' and ')}`,
      'leave one of them',
    );
  }
  const setting = section.settings.get(cacert === undefined ? 'file' : 'cacert');
  const name = cacert ?? file;
  if (name === undefined || setting === undefined) {
    const remedy = 'add cacert = … with a file of x509ca';
    if (handle !== undefined) {
      context.report.fail(
        'local/unsupported',
        section.at,
        'certificates on tokens are not supported here yet',
        remedy,
      );
    } else {
      context.report.fail(
        'config/missing',
        section.at,
        `authority "${section.name}" names no certificate`,
        remedy,
      );
    }
    return [];
  }
  const [octets] = setting.items ?? [];
  const item = { text: name, at: setting.valueAt, ...(octets instanceof Uint8Array ? { octets } : {}) };
  const certificates = namedCertificates(item, 'x509ca', context, cacert === undefined);
  const uris = {
    crlUris: usable(section, 'crl_uris', values.crl_uris, ['http', 'https', 'file'], context),
    ocspUris: usable(section, 'ocsp_uris', values.ocsp_uris, ['http', 'https'], context),
  };
  const [authority] = certificates;
  if (authority !== undefined && uris.crlUris.length + uris.ocspUris.length > 0)
    context.authorityUris.push({ authority: authority.der, ...uris });
  return certificates;
}

/** Those of `uris` that can be fetched; the others are named. */
function usable(
  section: Section,
  key: string,
  uris: readonly string[],
  schemes: readonly string[],
  { report }: ReadingContext,
): readonly string[] {
  return uris.filter(uri => {
    const scheme = uri.slice(0, Math.max(0, uri.indexOf(':'))).toLowerCase();
    if (schemes.includes(scheme) && URL.canParse(uri)) return true;
    report.warn(
      section.settings.get(key)?.valueAt ?? section.at,
      `"${uri}" has no effect: ${key} takes addresses with ${schemes.join(':, ')}:`,
      'publish the same list by HTTP, or put it into x509crl',
    );
    return false;
  });
}
