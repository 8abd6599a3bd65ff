/** What is there when what is wanted isn't: loading, empty, failed, not found. */

import { Button, Skeleton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { asProblem } from '@/api/problem';
import { placeInWords } from '@/form/place';
import { Icon } from './Icon';
import { PageHead } from './Page';

const NOT_FOUND = 404;

/** The place of what is being read, at about its size. */
export function Loading({ rows = 4, height = 18 }: { rows?: number; height?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, number) => (
        <Skeleton key={number} height={height} width={`${100 - ((number * 17) % 35)}%`} radius="sm" />
      ))}
    </div>
  );
}

/** Nothing is there yet: why, and what to do first. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="state">
      <p className="state-title">{title}</p>
      {children !== undefined && <div className="dim">{children}</div>}
      {action !== undefined && <div className="state-action">{action}</div>}
    </div>
  );
}

/** A whole part of a page couldn't be read. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="state" role="alert">
      <Failure error={error} />
      {retry !== undefined && (
        <div className="state-action">
          <Button variant="default" leftSection={<Icon name="refresh" size={14} />} onClick={retry}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}

/** What was refused, why, and what to do: in a form or a dialog. */
export function Failure({ error }: { error: unknown }) {
  const problem = asProblem(error);
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <div>
        <b>{problem.title}</b>
        <div>{problem.detail}</div>
        {problem.faults.length > 0 && (
          <ul>
            {problem.faults.map((fault) => (
              <li key={fault.pointer + fault.message}>
                {fault.pointer !== '' && <b>{placeInWords(fault.pointer)}: </b>}
                {fault.message}
              </li>
            ))}
          </ul>
        )}
        {problem.hint !== '' && problem.faults.length === 0 && <div className="dim">{problem.hint}</div>}
        {problem.requestId !== '' && problem.status >= 500 && (
          <div className="dim small">
            Request <code>{problem.requestId}</code>
          </div>
        )}
      </div>
    </div>
  );
}

/** What a query gives, with its states: `<Query of={query}>{(data) => …}</Query>`. Old data stays while it fails. */
export function Query<Data>({
  of,
  rows,
  isPage = false,
  children,
}: {
  of: UseQueryResult<Data>;
  rows?: number;
  /** Whether it is what the whole page is about: where it can't be had, that is the page's heading. */
  isPage?: boolean;
  children: (data: Data) => ReactNode;
}) {
  if (of.data !== undefined) return children(of.data);
  if (of.isError && isPage) return <PageFailed error={of.error} retry={() => void of.refetch()} />;
  if (of.isError) return <Failed error={of.error} retry={() => void of.refetch()} />;
  return <Loading rows={rows} />;
}

/** What a page is about isn't there, which trying again doesn't change; or can't be read. */
function PageFailed({ error, retry }: { error: unknown; retry: () => void }) {
  const problem = asProblem(error);
  if (problem.status !== NOT_FOUND) {
    return (
      <>
        <PageHead title="This can’t be shown now" />
        <Failed error={error} retry={retry} />
      </>
    );
  }
  return (
    <>
      <PageHead title="It isn’t there" />
      <p>{problem.detail}</p>
      <p className="dim">It may have been deleted, or is called otherwise.</p>
    </>
  );
}

export function NothingHere({ path }: { path: string }) {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>
        Nothing has the address <code>{path}</code>.
      </p>
      <p>
        <Link href="/">To the overview</Link>
      </p>
    </>
  );
}
