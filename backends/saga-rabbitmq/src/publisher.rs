//! The publisher.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use lapin::types::ShortString;
use lapin::uri::AMQPUri;
use saga::store::BoxFuture;
use saga::{Delivery, OutgoingEvent, Publisher};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::key::routing_key;
use crate::link::{Addressed, Link, Target};

/// Publishes events to RabbitMQ.
pub struct RabbitMqPublisher {
    uri: AMQPUri,
    target: Target,
    unroutable: Unroutable,
    /// Held during a call: see [`Link`].
    link: Mutex<Option<Link>>,
}

/// What becomes of an event that no queue is bound for. Nobody would ever read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unroutable {
    /// It is put off until a queue is bound, and its saga's later events wait. Where queues are bound for a part of the
    /// events only, publish only those: see [`EventFilter`](saga::EventFilter).
    #[default]
    PutOff,
    /// It is a dead letter, which can be sent again once a queue is bound.
    Refuse,
    /// It counts as taken, and is gone.
    Drop,
}

/// A publisher that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RabbitMqError {
    /// The URL is none of RabbitMQ's.
    #[error("that is no URL as `amqp://user:password@host:5672/vhost`: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The server cannot be reached.
    #[error("RabbitMQ cannot be reached: {source}")]
    Connect {
        /// What the client said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The exchange cannot be made.
    #[error("the exchange `{exchange}` cannot be made; is there another one of this name? {source}")]
    Exchange {
        /// Its name.
        exchange: String,
        /// What the server said.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Events go there, unless another exchange is set.
const EXCHANGE: &str = "saga.events";

/// The protocol has room for names of as many bytes.
const NAME_LEN_MAX: usize = 255;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a confirmation is waited for.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a call may take: shorter than a publisher may, so that what was confirmed until then counts.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);

impl RabbitMqPublisher {
    /// Connects to the server at `url`. The connection mends itself.
    ///
    /// # Errors
    ///
    /// [`RabbitMqError::Url`], or [`RabbitMqError::Connect`] where nobody answers within ten seconds.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RabbitMqError> {
        let uri = url.as_ref().parse::<AMQPUri>().map_err(|reason| RabbitMqError::Url { reason })?;
        let target = Target { exchange: EXCHANGE.into(), is_declared: false, is_mandatory: true };
        let publisher = Self { uri, target, unroutable: Unroutable::default(), link: Mutex::new(None) };
        let until = Instant::now() + CONNECT_TIMEOUT;
        let link = publisher.open(until).await.map_err(|source| RabbitMqError::Connect { source })?;
        *publisher.link.lock().await = Some(link);
        Ok(publisher)
    }

    /// Publishes to the exchange of this name, which somebody else makes. Without it, that is `saga.events`. An exchange of
    /// the type `topic` lets queues choose by the routing key `{definition}.{type}`.
    ///
    /// # Errors
    ///
    /// [`RabbitMqError::Exchange`] for a name of more than 255 bytes.
    pub fn exchange(mut self, name: impl Into<String>) -> Result<Self, RabbitMqError> {
        self.target.exchange = exchange_name(name.into())?;
        self.target.is_declared = false;
        Ok(self)
    }

    /// Publishes to the exchange of this name, and makes it where there is none: a durable one of the type `topic`. It is
    /// made again whenever the connection is, where it is gone meanwhile.
    ///
    /// # Errors
    ///
    /// [`RabbitMqError::Exchange`] where there is one of another type, or it may not be made;
    /// [`RabbitMqError::Connect`] where nobody answers.
    pub async fn with_exchange(self, name: impl Into<String>) -> Result<Self, RabbitMqError> {
        let mut publisher = self.exchange(name)?;
        let until = Instant::now() + CONNECT_TIMEOUT;
        let link = publisher.open(until).await.map_err(|source| RabbitMqError::Connect { source })?;
        let exchange = publisher.target.exchange.clone();
        let declaring = timeout_at(until, link.declare(exchange.clone())).await;
        let refused = |source| RabbitMqError::Exchange { exchange: exchange.to_string(), source };
        declaring.map_err(|source| refused(source.into()))?.map_err(|source| refused(source.into()))?;
        publisher.target.is_declared = true;
        *publisher.link.get_mut() = Some(link);
        Ok(publisher)
    }

    /// What becomes of an event that no queue is bound for. Without it, it is put off until one is.
    #[must_use]
    pub const fn unroutable(mut self, unroutable: Unroutable) -> Self {
        self.unroutable = unroutable;
        self.target.is_mandatory = !matches!(unroutable, Unroutable::Drop);
        self
    }

    async fn open(&self, until: Instant) -> Result<Link, Box<dyn Error + Send + Sync>> {
        let opening = async {
            let link = Link::open(&self.uri).await?;
            if self.target.is_declared {
                link.declare(self.target.exchange.clone()).await?;
            }
            Ok::<_, lapin::Error>(link)
        };
        Ok(timeout_at(until, opening).await.map_err(|_| "it does not answer")??)
    }

    async fn publish_all(&self, batch: &[OutgoingEvent]) -> Vec<Delivery> {
        let mut link = self.link.lock().await;
        let until = Instant::now() + CALL_TIMEOUT;
        let mut deliveries = vec![Delivery::refused("its routing key is longer than 255 bytes"); batch.len()];
        let (mut places, mut addressed) = (Vec::new(), Vec::new());
        for (place, event) in batch.iter().enumerate() {
            if let Some(key) = routing_key(event) {
                places.push(place);
                addressed.push(Addressed { event, key: key.into() });
            }
        }
        let mut answers = self.send(&mut link, &addressed, until).await;
        if addressed.len() > 1 {
            // One of them made RabbitMQ close the channel, and it doesn't say which: each goes alone.
            for (addressed, answer) in addressed.iter().zip(&mut answers) {
                if matches!(answer, Answer::Invalid(_)) {
                    let alone = self.send(&mut link, std::slice::from_ref(addressed), until).await;
                    *answer = alone.into_iter().next().expect("there is an answer for each event");
                }
            }
        }
        for ((place, addressed), answer) in places.into_iter().zip(&addressed).zip(answers) {
            deliveries[place] = self.delivery(answer, &addressed.key);
        }
        deliveries
    }

    /// Sends events by the link that is there, or by a new one, and leaves a sound one there.
    async fn send(&self, place: &mut Option<Link>, batch: &[Addressed<'_>], until: Instant) -> Vec<Answer> {
        let none = |reason: &str| vec![Answer::NotKept(reason.to_owned()); batch.len()];
        if place.as_ref().is_some_and(Link::is_blocked) {
            // A new one would be blocked as well, and each would hold what it has sent.
            return none("RabbitMQ blocks publishers: it is short of memory or disk");
        }
        let mut link = match place.take().filter(Link::is_fit) {
            Some(link) => link,
            None => match self.open(until.min(Instant::now() + CONNECT_TIMEOUT)).await {
                Ok(link) => link,
                Err(error) => return none(&format!("RabbitMQ cannot be reached: {error}")),
            },
        };
        let answers = link.send(&self.target, batch, until.min(Instant::now() + CONFIRM_TIMEOUT)).await;
        if link.is_fit() || link.is_blocked() {
            *place = Some(link);
        }
        answers
    }

    fn delivery(&self, answer: Answer, key: &ShortString) -> Delivery {
        match answer {
            Answer::Kept => Delivery::Taken,
            Answer::Unroutable => {
                let exchange = &self.target.exchange;
                let reason = format!(
                    "no queue is bound to the exchange `{exchange}` for `{key}`: bind one, or filter"
                );
                match self.unroutable {
                    Unroutable::Refuse => Delivery::refused(&reason),
                    Unroutable::PutOff | Unroutable::Drop => Delivery::later(&reason),
                }
            }
            Answer::Invalid(reason) => Delivery::refused(&reason),
            Answer::NotKept(reason) => Delivery::later(&reason),
        }
    }
}

fn exchange_name(name: String) -> Result<ShortString, RabbitMqError> {
    if name.len() > NAME_LEN_MAX {
        let source = "its name is longer than 255 bytes".into();
        return Err(RabbitMqError::Exchange { exchange: name, source });
    }
    Ok(name.into())
}

impl Publisher for RabbitMqPublisher {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        Box::pin(self.publish_all(batch))
    }
}

impl fmt::Debug for RabbitMqPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMqPublisher")
            .field("target", &self.target)
            .field("unroutable", &self.unroutable)
            .finish_non_exhaustive()
    }
}
