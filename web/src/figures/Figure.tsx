/** A number that matters, and the exchanges behind it. */

import type { MouseEvent, ReactNode } from 'react';
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
  if (href?.startsWith('#') === true) {
    // A part of the same page, where what is behind the figure is told apart.
    return (
      <a href={href} className="figure" onClick={(event) => jump(event, href.slice(1))}>
        {inside}
      </a>
    );
  }
  return href === undefined ? (
    <div className="figure">{inside}</div>
  ) : (
    <Link href={href} className="figure">
      {inside}
    </Link>
  );
}

function jump(event: MouseEvent, id: string): void {
  event.preventDefault();
  const place = document.getElementById(id);
  place?.scrollIntoView({ block: 'center', behavior: 'smooth' });
  place?.querySelector('a')?.focus({ preventScroll: true });
}

export function Figures({ children }: { children: ReactNode }) {
  return <div className="figures">{children}</div>;
}
