import { Failed } from '../../policy/failure.ts';
import type { ChildSaParameters } from '../../policy/sa.ts';
import { refusal } from './failure.ts';
import type { InstalledSas } from './installed-sas.ts';
import { inboundState, LARGEST_WINDOW } from './state.ts';

/** Throws Failed where `sa` cannot be installed beside those that are. */
export function admit(sa: ChildSaParameters, sas: InstalledSas): void {
  const { id, replayWindow } = sa;
  if (sas.get(id) !== undefined)
    throw refusal('kernel/install', `an SA with the number ${id} is installed already`);
  if (sas.ownerOf(inboundState(sa)) !== undefined)
    throw refusal('kernel/install', `the SPI ${sa.spiIn.toString(16)} is in use already`);
  if (sa.protocol === 'ah' && (sa.path.tcp === true || sa.udpEncapsulation))
    throw new Failed({
      code: 'local/unsupported',
      summary: `${sa.name}: AH goes neither through a NAT nor over TCP`,
      remedy: 'set esp_proposals in place of ah_proposals',
    });
  if (replayWindow > LARGEST_WINDOW)
    throw refusal(
      'local/unsupported',
      `a replay window of ${replayWindow} packets is too large for the kernel`,
    );
}
