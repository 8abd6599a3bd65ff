import { Button, Checkbox, CopyButton, Modal } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Icon } from './Icon';

interface ShownOnceProps {
  title: string;
  /** What tests call it: `key`, `token`. */
  what: string;
  value: string;
  onClose: () => void;
  /** What to do with it. */
  children: ReactNode;
}

/** A secret that Exeat keeps no copy of: the dialog stays until whoever made it says that it is kept. */
export function ShownOnce({ title, what, value, onClose, children }: ShownOnceProps) {
  const [isKept, setKept] = useState(false);
  return (
    <Modal opened onClose={onClose} title={title} size="lg" closeOnClickOutside={false} closeOnEscape={isKept} withCloseButton={false}>
      <div className="stack">
        <div className="notice" data-tone="warn">
          <Icon name="warn" />
          <div>It is shown this once. Exeat keeps no copy: who loses it makes another.</div>
        </div>
        <div className="new-key">
          <code data-testid={what}>{value}</code>
          <CopyButton value={value} timeout={3000}>
            {({ copied, copy }) => (
              <Button
                leftSection={<Icon name={copied ? 'done' : 'copy'} size={14} />}
                data-autofocus
                onClick={() => {
                  copy();
                  setKept(true);
                }}
              >
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
        </div>
        {children}
        <div className="dialog-foot">
          <Checkbox size="xs" label="I have it in a safe place" checked={isKept} onChange={(event) => setKept(event.currentTarget.checked)} />
          <span className="grow" />
          <Button disabled={!isKept} onClick={onClose}>
            Done
          </Button>
        </div>
      </div>
    </Modal>
  );
}
