/** The question before unsaved changes are left. */

import { Button, Modal } from '@mantine/core';
import { answer, useIsAsked } from '@/parts/unsaved';

export function Leaving() {
  const isAsked = useIsAsked();
  return (
    <Modal opened={isAsked} onClose={() => answer(false)} title="Leave without saving?">
      <div className="stack">
        <p>What you have changed here isn’t saved, and would be lost.</p>
        <div className="dialog-foot">
          <Button variant="default" onClick={() => answer(true)}>
            Leave
          </Button>
          <Button data-autofocus onClick={() => answer(false)}>
            Stay
          </Button>
        </div>
      </div>
    </Modal>
  );
}
