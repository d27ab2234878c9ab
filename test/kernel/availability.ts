import { openXfrmBackend } from '../../src/ipsec/xfrm/backend.ts';

/**
 * For the `skip` option of a test that needs IPsec in the kernel: false inside of user-mode Linux (`npm run kernel`)
 * and wherever else it can be had, otherwise the reason.
 */
export const withoutKernelIpsec: string | false = await reason();

/** For the tests of `own/`, which need more of a kernel than Debian's user-mode Linux has. */
export const withoutOwnKernel: string | false =
  process.env['CYGNET_OWN_KERNEL'] === undefined
    ? 'this kernel was not built for it: use `npm run kernel`'
    : false;

async function reason(): Promise<string | false> {
  if (process.env['CYGNET_KERNEL'] === 'uml') return false;
  try {
    await openXfrmBackend().close();
    return false;
  } catch (error) {
    return `${(error as Error).message}: use \`npm run kernel\``;
  }
}
