/** A question before something that can't be undone, or that people will want the reason of. */

import { Button, Modal, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Failure } from './States';

interface Props {
  title: string;
  children?: ReactNode;
  /** How wide it is; `lg` for what is long. */
  size?: 'lg';
  /** What the button says. */
  act: string;
  isDangerous?: boolean;
  isPending: boolean;
  isBlocked?: boolean;
  error: unknown;
  onClose: () => void;
  onSure: (why: string) => void;
}

export function Sure({ title, children, size, act, isDangerous = false, isPending, isBlocked = false, error, onClose, onSure }: Props) {
  const [why, setWhy] = useState('');
  return (
    <Modal opened onClose={onClose} title={title} size={size}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onSure(why.trim());
        }}
      >
        {children}
        <div className="dialog-end">
          <TextInput
            label="Why"
            placeholder="The audit trail keeps it"
            maxLength={500}
            value={why}
            onChange={(event) => setWhy(event.currentTarget.value)}
          />
          {error != null && <Failure error={error} />}
          <div className="dialog-foot">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color={isDangerous ? 'red' : undefined} loading={isPending} disabled={isBlocked}>
              {act}
            </Button>
          </div>
        </div>
      </form>
    </Modal>
  );
}
