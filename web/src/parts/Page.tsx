/** The frame of a page: its heading, and panels. */

import type { ReactNode } from 'react';

export function PageHead({ title, children, note }: { title: ReactNode; children?: ReactNode; note?: ReactNode }) {
  return (
    <div className="page-head">
      <div className="grow">
        <h1>{title}</h1>
        {note !== undefined && <p className="dim">{note}</p>}
      </div>
      {children !== undefined && <div className="page-actions">{children}</div>}
    </div>
  );
}

export function Panel({
  title,
  side,
  children,
  flush = false,
  className = '',
  id,
}: {
  title?: ReactNode;
  side?: ReactNode;
  children: ReactNode;
  /** Without padding, for a table. */
  flush?: boolean;
  className?: string;
  /** Where a link within the page leads. */
  id?: string;
}) {
  return (
    <section id={id} className={`panel ${className}`} data-flush={flush || undefined}>
      {title !== undefined && (
        <div className="panel-head">
          <h2>{title}</h2>
          {side !== undefined && <div className="panel-side">{side}</div>}
        </div>
      )}
      <div className="panel-body">{children}</div>
    </section>
  );
}

/** Name and value, one below the other: what is known of one thing. */
export function Facts({ of, wide = false }: { of: [name: string, value: ReactNode][]; wide?: boolean }) {
  return (
    <dl className="facts" data-wide={wide || undefined}>
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? <span className="dim">–</span>}</dd>
        </div>
      ))}
    </dl>
  );
}
