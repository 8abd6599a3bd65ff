/** The phases before anything is sent, and what each has decided. */

import type { Exchange } from '@/api/exchange';
import { Icon, type IconName } from '@/parts/Icon';
import type { Tone } from '@/parts/Values';
import { decisionsOf, type Decision } from './decisions';

const LOOKS: Record<Decision['outcome'], [Tone, IconName, string]> = {
  passed: ['good', 'done', 'passed'],
  reported: ['warn', 'warn', 'reported'],
  refused: ['bad', 'close', 'refused'],
  skipped: ['quiet', 'more', 'not reached'],
};

export function Decisions({ exchange }: { exchange: Exchange }) {
  return (
    <ol className="decisions">
      {decisionsOf(exchange).map(({ phase, outcome, text }) => {
        const [tone, icon, word] = LOOKS[outcome];
        return (
          <li key={phase} data-tone={tone}>
            <span className="toned" role="img" aria-label={word}>
              <Icon name={icon} size={14} />
            </span>
            <b>{phase}</b>
            <span className={outcome === 'refused' ? 'toned' : 'dim'}>{text}</span>
          </li>
        );
      })}
    </ol>
  );
}
