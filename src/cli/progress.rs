//! Progress on standard error: bars on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle as BarStyle};
use tarsia::events::{Event, Events, Listener, Task};

use super::arguments::ProgressStyle;
use super::report;

/// Tasks that are over sooner are not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);
/// How often a long task is mentioned again.
const AGAIN: Duration = Duration::from_secs(10);

/// What shows progress until it is finished or dropped.
pub struct Progress {
    events: Events,
    bars: Option<MultiProgress>,
    lines: Option<(Arc<Lines>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins showing progress.
    pub fn start(style: Option<ProgressStyle>) -> Progress {
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        match style.unwrap_or(ProgressStyle::Auto) {
            ProgressStyle::None => Progress { events: Events::silent(), bars: None, lines: None },
            ProgressStyle::Auto if terminal => {
                let bars = MultiProgress::new();
                let listener = Bars { bars: bars.clone(), running: Mutex::default() };
                Progress { events: Events::to(Arc::new(listener)), bars: Some(bars), lines: None }
            }
            ProgressStyle::Auto | ProgressStyle::Plain => {
                let lines = Arc::new(Lines::default());
                let clock = Arc::clone(&lines);
                let ticking = std::thread::spawn(move || clock.tick());
                let listener: Arc<dyn Listener> = Arc::<Lines>::clone(&lines);
                Progress { events: Events::to(listener), bars: None, lines: Some((lines, ticking)) }
            }
        }
    }

    /// Where to tell of events.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Ends it: nothing of it is left on the terminal.
    pub fn finish(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
        if let Some((lines, ticking)) = self.lines.take() {
            lock(&lines.state).over = true;
            lines.changed.notify_all();
            let _ = ticking.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task in words.
fn words(task: &Task) -> String {
    match task {
        Task::Scan { context } => format!("reading {context}"),
        Task::ReadBase { base } => format!("reading the tree of {base}"),
        Task::Assemble { image, layer } => format!("assembling {image}: {layer}"),
        Task::Fetch { base, layer } => format!("fetching {base}: {layer}"),
        Task::Download { url } => format!("fetching {url}"),
        Task::Unpack { archive } => format!("unpacking {archive}"),
        Task::Compare { layer } => format!("comparing {layer}"),
        Task::Upload { layer, repository } => format!("sending {layer} to {repository}"),
        Task::Write { output } => format!("writing {output}"),
    }
}

struct Bars {
    bars: MultiProgress,
    running: Mutex<BTreeMap<u64, ProgressBar>>,
}

impl Listener for Bars {
    fn hear(&self, event: Event) {
        match event {
            Event::Begin { id, task, total } => {
                let (bar, template) = if total > 0 {
                    (ProgressBar::new(total), "{bar:24} {decimal_bytes:>10} / {decimal_total_bytes:10} {wide_msg}")
                } else {
                    (ProgressBar::new_spinner(), "{spinner} {wide_msg}")
                };
                let bar = self.bars.add(bar.with_message(words(&task)));
                if let Ok(style) = BarStyle::with_template(template) {
                    bar.set_style(style.progress_chars("━╸─"));
                }
                lock(&self.running).insert(id, bar);
            }
            Event::Advance { id, bytes } => {
                if let Some(bar) = lock(&self.running).get(&id) {
                    bar.inc(bytes);
                }
            }
            Event::End { id } => {
                if let Some(bar) = lock(&self.running).remove(&id) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
            }
            Event::Note(text) => {
                let _ = self.bars.println(format!("note: {text}"));
            }
        }
    }
}

#[derive(Default)]
struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: BTreeMap<u64, Line>,
    over: bool,
}

struct Line {
    words: String,
    total: u64,
    done: u64,
    began: Instant,
    mentioned: Option<Instant>,
}

impl Listener for Lines {
    fn hear(&self, event: Event) {
        let mut state = lock(&self.state);
        match event {
            Event::Begin { id, task, total } => {
                let line = Line { words: words(&task), total, done: 0, began: Instant::now(), mentioned: None };
                state.running.insert(id, line);
            }
            Event::Advance { id, bytes } => {
                if let Some(line) = state.running.get_mut(&id) {
                    line.done += bytes;
                }
            }
            Event::End { id } => {
                if let Some(line) = state.running.remove(&id)
                    && line.mentioned.is_some()
                {
                    say(&format!("{}: done in {:.1} s", line.words, line.began.elapsed().as_secs_f64()));
                }
            }
            Event::Note(text) => say(&format!("note: {text}")),
        }
    }
}

impl Lines {
    fn tick(&self) {
        let mut state = lock(&self.state);
        while !state.over {
            state = self.changed.wait_timeout(state, WORTH_A_LINE / 4).unwrap_or_else(PoisonError::into_inner).0;
            let now = Instant::now();
            for line in state.running.values_mut() {
                let due = match line.mentioned {
                    None => now - line.began >= WORTH_A_LINE,
                    Some(last) => now - last >= AGAIN,
                };
                if due {
                    line.mentioned = Some(now);
                    say(&match line.total {
                        0 => line.words.clone(),
                        total => format!("{}: {} of {}", line.words, report::bytes(line.done), report::bytes(total)),
                    });
                }
            }
        }
    }
}

fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
