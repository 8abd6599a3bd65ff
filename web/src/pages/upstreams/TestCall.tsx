/** One call to an upstream, to see whether it can be reached and takes its credential. */

import { Button, Modal, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { testUpstream } from '@/api/objects';
import { duration } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Failure } from '@/parts/States';
import { StatusCode } from '@/parts/Values';

export function TestCall({ name, onClose }: { name: string; onClose: () => void }) {
  const [path, setPath] = useState('');
  const test = useMutation({ mutationFn: () => testUpstream(name, path.trim()) });
  const { data } = test;
  return (
    <Modal opened onClose={onClose} title={`Test call to ${name}`}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          test.mutate();
        }}
      >
        <p className="dim">
          A GET with the upstream’s credential, from this gateway. It is recorded as a change by you; no consumer’s limits count
          it.
        </p>
        <TextInput
          label="Path"
          description="Below the upstream’s URL. Without one: what its preset is verified by, or /."
          placeholder="/"
          data-autofocus
          value={path}
          onChange={(event) => setPath(event.currentTarget.value)}
        />
        <div aria-live="polite">
          {test.isError && <Failure error={test.error} />}
          {data !== undefined && (
            <div className="notice" data-tone={data.accepted ? 'good' : 'bad'}>
              <Icon name={data.accepted ? 'done' : 'warn'} />
              <div>
                <b>{data.meaning}</b>
                <div>
                  <code className="break">
                    {data.method} {data.path}
                  </code>{' '}
                  {data.status !== null && <StatusCode status={data.status} />} <span className="dim">{duration(data.duration_ms)}</span>
                </div>
              </div>
            </div>
          )}
        </div>
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button type="submit" loading={test.isPending}>
            {data === undefined ? 'Call' : 'Call again'}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
