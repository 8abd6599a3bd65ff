/** What whoever runs the gateway can do about a call that was refused. */

import { Link } from 'wouter';
import type { Exchange } from '@/api/exchange';
import { useLimits } from '@/api/queries';
import { headOf } from '../limits/limit';
import { LimitRow } from '../limits/LimitRow';
import { useWritten } from '../limits/useWritten';
import { isOfLimit, limitsBehind, stepFor } from './advice';

export function Advice({ exchange }: { exchange: Exchange }) {
  const code = exchange.error ?? '';
  if (isOfLimit(code)) return <OfLimits exchange={exchange} />;
  const step = stepFor(code, exchange);
  if (step === null) return null;
  return (
    <p>
      <b>What you can do:</b> <Link href={step.href}>{step.text}</Link>
    </p>
  );
}

/** The limits that it met, as they are now; a budget can be raised on the spot. */
function OfLimits({ exchange }: { exchange: Exchange }) {
  const code = exchange.error;
  const limits = useLimits();
  const written = useWritten();
  const found = limitsBehind(exchange, limits.data?.items ?? []);
  if (found.length === 0) return null;
  const isRaised = code === 'budget-exhausted' && found.some((limit) => written(limit).fixed === null);
  return (
    <>
      <p>
        <b>What you can do:</b> {isRaised ? 'raise the budget for a time' : 'change the limit where it is written'}, or wait.
        Now there is left:
      </p>
      <ul className="limits advice">
        {found.map((limit) => (
          <LimitRow
            key={limit.id}
            limit={limit}
            written={written(limit)}
            of={<Link href={`/limits?limit=${encodeURIComponent(limit.id)}`}>{headOf(limit).title}</Link>}
          />
        ))}
      </ul>
    </>
  );
}
