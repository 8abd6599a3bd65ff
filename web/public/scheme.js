// Before anything is painted: the scheme that was chosen here, else that of the system.
(function () {
  var chosen = 'auto';
  try {
    chosen = window.localStorage.getItem('exeat-scheme') || 'auto';
  } catch (error) {
    // Storage can be switched off; then the system decides.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
