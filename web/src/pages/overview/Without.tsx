/** The exchanges of which no upstream, or no consumer, is known: by what became of them, which leads to them. */

import { Link } from 'wouter';
import { useUsage } from '@/api/queries';
import { exchangesWith } from '@/parts/address';
import { count } from '@/parts/format';
import type { Range } from '@/parts/range';

interface Props {
  of: 'upstream' | 'consumer';
  range: Range;
  /** How those are called that haven't failed. */
  rest: string;
}

export function Without({ of, range, rest }: Props) {
  const usage = useUsage({ since: range.value, by: ['error'], where: [`${of}=`] });
  const rows = usage.data?.items ?? [];
  return (
    <p className="panel-line small">
      <span className="dim">Without {of === 'upstream' ? 'an upstream' : 'a consumer'}:</span>{' '}
      {rows.map(({ labels, requests }, number) => {
        const error = String(labels['error'] ?? '');
        return (
          <span key={error}>
            {number > 0 && ', '}
            {error === '' ? (
              <span className="dim">
                {count(requests)} {rest}
              </span>
            ) : (
              <Link href={exchangesWith({ error, since: range.value })}>
                {count(requests)} {error}
              </Link>
            )}
          </span>
        );
      })}
    </p>
  );
}
