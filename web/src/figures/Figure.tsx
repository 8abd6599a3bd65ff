/** A number that matters, and the exchanges behind it. */

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Tone } from '@/parts/Values';

interface Props {
  name: string;
  value: ReactNode;
  note?: ReactNode;
  href?: string;
  tone?: Tone;
}

export function Figure({ name, value, note, href, tone }: Props) {
  const inside = (
    <>
      <span className="figure-name">{name}</span>
      <span className="figure-value" data-tone={tone}>
        {value}
      </span>
      {note !== undefined && <span className="figure-note">{note}</span>}
    </>
  );
  return href === undefined ? (
    <div className="figure">{inside}</div>
  ) : (
    <Link href={href} className="figure">
      {inside}
    </Link>
  );
}

export function Figures({ children }: { children: ReactNode }) {
  return <div className="figures">{children}</div>;
}
