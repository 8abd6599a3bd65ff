/** What the keyboard can do. */

import { Modal } from '@mantine/core';
import { PAGES } from './pages';

export function KeysHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size="sm">
      <dl className="keys">
        <Row keys={['/']} does="Search this list, or exchanges" />
        {PAGES.map((page) => (
          <Row key={page.path} keys={['g', page.letter]} does={page.name} />
        ))}
        <Row keys={['?']} does="This list" />
        <Row keys={['Esc']} does="Close" />
      </dl>
    </Modal>
  );
}

function Row({ keys, does }: { keys: string[]; does: string }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{does}</dd>
    </div>
  );
}
