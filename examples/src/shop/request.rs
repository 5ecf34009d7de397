//! Orders as they come in.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Trouble, Troubles};

/// What a customer orders: the input of the saga.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderRequest {
    /// The shop's number for it, and the key under which its saga is started.
    pub id: String,
    /// Who orders.
    pub customer: String,
    /// What.
    pub items: Vec<Item>,
    /// What it costs, in cents.
    pub total_cents: u64,
    /// Where it goes.
    pub address: Address,
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Item {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: u64,
    /// The price of one, in cents.
    pub unit_price_cents: u64,
}

/// Where an order goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// Town.
    pub city: String,
    /// Two letters.
    pub country: String,
}

/// A line of the stream: an order, and what will go wrong with it.
#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    request: OrderRequest,
    #[serde(default)]
    trouble: Vec<Trouble>,
}

const STREAM: &str = include_str!("../../data/orders.jsonl");

/// The orders of `data/orders.jsonl`, and the troubles that its lines script for the services.
pub fn order_stream() -> Result<(Vec<OrderRequest>, Troubles), serde_json::Error> {
    let lines = STREAM.lines().map(serde_json::from_str).collect::<Result<Vec<Line>, _>>()?;
    let troubles = lines.iter().map(|line| (line.request.id.clone(), line.trouble.clone())).collect();
    Ok((lines.into_iter().map(|line| line.request).collect(), troubles))
}

/// Cents, to be printed: `1,234.50`.
#[must_use]
pub fn euros(cents: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let euros = cents / 100;
        let text = match euros / 1_000 {
            0 => format!("{euros}.{:02}", cents % 100),
            thousands => format!("{thousands},{:03}.{:02}", euros % 1_000, cents % 100),
        };
        f.pad(&text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_the_stream_adds_up() {
        let (orders, _) = order_stream().unwrap();
        assert!(orders.len() >= 30);
        for order in orders {
            let sum: u64 = order.items.iter().map(|item| item.quantity * item.unit_price_cents).sum();
            assert_eq!(sum, order.total_cents, "{}", order.id);
        }
    }

    #[test]
    fn cents_are_printed_as_euros() {
        assert_eq!(format!("{:>8}", euros(5)), "    0.05");
        assert_eq!(euros(123_450).to_string(), "1,234.50");
    }
}
