/** Names with their share of the whole, greatest first; each leads to the exchanges behind it. */

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Tone } from '@/parts/Values';

export interface Ranked {
  name: ReactNode;
  id: string;
  value: number;
  shown: ReactNode;
  href: string;
  tone?: Tone;
  note?: ReactNode;
}

export function Ranking({ of, most }: { of: Ranked[]; most?: number }) {
  const greatest = most ?? Math.max(1e-9, ...of.map((one) => one.value));
  return (
    <ul className="ranking">
      {of.map((one) => (
        <li key={one.id} data-tone={one.tone ?? 'quiet'}>
          <Link href={one.href}>
            <span className="ranking-name cut">
              {one.name}
              {one.note !== undefined && <span className="dim small"> {one.note}</span>}
            </span>
            <span className="ranking-value number">{one.shown}</span>
            <span className="ranking-bar">
              <span style={{ width: `${Math.max(1, Math.min(100, (one.value / greatest) * 100))}%` }} />
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
