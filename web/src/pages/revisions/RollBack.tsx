/** The way back: what it would change is shown before it is done, with what is wrong about it. */

import { useQuery } from '@tanstack/react-query';
import { Modal } from '@mantine/core';
import { useLocation } from 'wouter';
import { useChange } from '@/parts/change';
import { Icon } from '@/parts/Icon';
import { Failed, Loading } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import { Changes } from './Changes';
import { previewRollback, rollBack, useNewest, type Preview } from './revision';

export function RollBack({ to, onClose }: { to: number; onClose: () => void }) {
  const [, navigate] = useLocation();
  const newest = useNewest();
  const basedOn = newest.data;
  const preview = useQuery({
    queryKey: ['rollback', to, basedOn],
    queryFn: () => previewRollback(to),
    enabled: basedOn !== undefined,
    gcTime: 0,
    retry: false,
  });
  const run = useChange({
    change: (why: string) => rollBack(to, basedOn ?? 0, why),
    said: ({ revision }) => `Rolled back to revision ${to}. That is revision ${revision}.`,
    refreshes: ['revisions', 'upstreams', 'consumers', 'destinations', 'sections', 'keys', 'limits', 'status', 'records'],
    onDone: ({ revision }) => {
      onClose();
      navigate(`/revisions/${revision}`);
    },
  });
  const title = to === 0 ? 'Roll back to before the first change' : `Roll back to revision ${to}`;
  if (preview.data === undefined) {
    return (
      <Modal opened onClose={onClose} title={title}>
        {preview.isError || newest.isError ? (
          <Failed error={preview.error ?? newest.error} retry={() => void (newest.isError ? newest.refetch() : preview.refetch())} />
        ) : (
          <Loading rows={4} />
        )}
      </Modal>
    );
  }
  const { problems, changes } = preview.data;
  return (
    <Sure
      title={title}
      size="lg"
      act="Roll back"
      isPending={run.isPending}
      isBlocked={problems.length > 0 || changes.length === 0}
      error={run.error}
      onClose={onClose}
      onSure={(why) => run.mutate(why)}
    >
      <Foreseen preview={preview.data} />
    </Sure>
  );
}

function Foreseen({ preview: { problems, warnings, changes } }: { preview: Preview }) {
  const revoked = changes.filter(({ kind, action }) => kind === 'key' && action === 'revoke').length;
  if (problems.length > 0) {
    return (
      <div className="failure" role="alert">
        <Icon name="warn" />
        <div>
          <b>That isn’t possible any more</b>
          <div>The configuration as it was then doesn’t fit what is there now:</div>
          <ul>
            {problems.map(({ path, message }) => (
              <li key={path + message}>
                {path !== '' && <code>{path}</code>} {message}
              </li>
            ))}
          </ul>
        </div>
      </div>
    );
  }
  if (changes.length === 0) {
    return <p>Upstreams, consumers, destinations and sections are as they were then. There is nothing to roll back.</p>;
  }
  return (
    <>
      <p>
        It becomes a revision of its own, and can be taken back itself. Keys, credentials and administrators stay as they are:
        what was revoked stays revoked.
      </p>
      {revoked > 0 && (
        <div className="notice" data-tone="warn">
          <Icon name="warn" />
          <div>
            {revoked === 1 ? 'A key is' : `${revoked} keys are`} revoked with its consumer, for good: rolling forward doesn’t bring
            a key back.
          </div>
        </div>
      )}
      {warnings.map(({ path, message }) => (
        <div key={path + message} className="notice" data-tone="warn">
          <Icon name="warn" />
          <div>
            {path !== '' && <code>{path}</code>} {message}
          </div>
        </div>
      ))}
      <Changes of={changes} isFolded={changes.length > 2} />
    </>
  );
}
