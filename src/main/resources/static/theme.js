// Runs before anything is drawn, so that nobody sees the other colours first. No module: those run later.
(() => {
    const chosen = localStorage.getItem('theme');
    if (chosen === 'light' || chosen === 'dark') {
        document.documentElement.dataset.theme = chosen;
    }
})();
