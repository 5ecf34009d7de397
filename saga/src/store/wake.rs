//! What a store tells its coordinator before that asks.

use tokio::sync::watch;

/// How often each kind of news came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct News {
    work: u64,
    requests: u64,
}

/// Where a store tells of news from other processes. News of one kind that was not looked at yet counts once.
#[derive(Debug, Clone)]
pub struct WakeUpSender(watch::Sender<News>);

/// News from other processes, for a coordinator that would else poll for them. It is advice: what it leaves out is
/// found by polling, what it says too often costs a query.
#[derive(Debug, Clone)]
pub struct WakeUps {
    news: watch::Receiver<News>,
    told: News,
}

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WakeUp {
    /// There may be sagas to claim.
    pub work: bool,
    /// There may be requests for sagas that this process owns.
    pub requests: bool,
}

impl WakeUpSender {
    /// A sender that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// There may be sagas to claim.
    pub fn work(&self) {
        self.0.send_modify(|news| news.work += 1);
    }

    /// There may be requests for sagas that this process owns.
    pub fn requests(&self) {
        self.0.send_modify(|news| news.requests += 1);
    }

    /// There may be either: what was told before may have been missed.
    pub fn all(&self) {
        self.0.send_modify(|news| *news = News { work: news.work + 1, requests: news.requests + 1 });
    }

    /// All that is told from now on.
    #[must_use]
    pub fn wake_ups(&self) -> WakeUps {
        let news = self.0.subscribe();
        let told = *news.borrow();
        WakeUps { news, told }
    }
}

impl Default for WakeUpSender {
    fn default() -> Self {
        Self::new()
    }
}

impl WakeUps {
    /// The next news, at once where there are some that were not told yet; `None` once the store is gone.
    pub async fn next(&mut self) -> Option<WakeUp> {
        self.news.changed().await.ok()?;
        let now = *self.news.borrow_and_update();
        let before = std::mem::replace(&mut self.told, now);
        Some(WakeUp { work: now.work != before.work, requests: now.requests != before.requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_of_one_kind_are_told_once_and_end_with_the_store() {
        let sender = WakeUpSender::new();
        let mut wake_ups = sender.wake_ups();
        sender.work();
        sender.work();
        assert_eq!(wake_ups.next().await, Some(WakeUp { work: true, requests: false }));
        sender.requests();
        sender.work();
        assert_eq!(wake_ups.next().await, Some(WakeUp { work: true, requests: true }));
        sender.all();
        assert_eq!(wake_ups.next().await, Some(WakeUp { work: true, requests: true }));
        drop(sender);
        assert_eq!(wake_ups.next().await, None);
    }
}
