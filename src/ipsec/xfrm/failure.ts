import { Failed, type FailureCode } from '../../policy/failure.ts';
import { SystemFailure } from '../../sys/failure.ts';

/** What the kernel's refusal means, told so that it can be mended. Failures that are told already pass unchanged. */
export function kernelFailure(error: unknown, what: string): unknown {
  if (!(error instanceof SystemFailure)) return error;
  const reason = error.detail ?? error.code;
  switch (error.code) {
    case 'EPERM':
    case 'EACCES':
      return new Failed({
        code: 'local/no-privilege',
        summary: `${what} is not permitted`,
        remedy: 'run as root or with CAP_NET_ADMIN',
      });
    case 'EPROTONOSUPPORT':
    case 'EAFNOSUPPORT':
      return new Failed({
        code: 'local/unsupported',
        summary: `${what} failed: this kernel lacks IPsec (${reason})`,
        remedy: 'load the modules esp4, esp6, ah4, ah6 and xfrm_user',
      });
    case 'ENOSYS':
    case 'ENOENT':
      return new Failed({
        code: 'local/unsupported',
        summary: `${what} failed: this kernel lacks an algorithm (${reason})`,
        remedy: "load the algorithm's kernel module, or leave it out of the proposals",
      });
    case 'EEXIST':
      return new Failed({ code: 'kernel/install', summary: `${what} failed: its SPI is in use already` });
    default:
      return new Failed({ code: 'kernel/install', summary: `${what} failed: ${reason}` });
  }
}

/** What cannot be done. */
export function refusal(code: FailureCode, summary: string): Failed {
  return new Failed({ code, summary });
}
