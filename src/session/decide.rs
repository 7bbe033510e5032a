//! The decisions of a connection: each command's, and those that are taken again.

use std::sync::Arc;

use super::client::{Client, Stop};
use super::given::Given;
use super::permit::{Allowed, Asked, Standing, ToPublish};
use super::subscription::Subscription;
use super::terms::{Numbered, Terms};
use crate::policy::{ChannelName, Decision, Denial, Permission, Step, Subject, SubscriptionGrant};
use crate::protocol::{ClientInfo, ErrorCode};
use crate::telemetry::logs;

impl Client {
    /// Decides, and turns a decision that allows into a permit. The only place that makes one.
    pub(super) fn permit<P: Asked>(&self, channel: ChannelName) -> Result<Allowed<P>, Stop> {
        let terms = self.node.terms.load();
        let given = self.given(&channel);
        let grant = self.grant_of(&terms, given.as_deref(), P::PERMISSION);
        self.permit_under(&terms, channel, grant)
    }

    /// The same for the command that comes most often, with what others in the channel see of this
    /// connection.
    pub(super) fn permit_to_publish(
        &self,
        channel: ChannelName,
    ) -> Result<(Allowed<ToPublish>, Arc<ClientInfo>), Stop> {
        let terms = self.node.terms.load();
        match self.subscriptions.get(&channel) {
            Some(subscription) => {
                let permit = self.permit_of_subscriber(&terms, channel, subscription)?;
                Ok((permit, subscription.shown()))
            }
            None => {
                let permit = self.permit_under(&terms, channel, None)?;
                Ok((permit, self.peer.info()))
            }
        }
    }

    /// What was decided for a subscriber of the channel is remembered, where the same would come of
    /// it again.
    fn permit_of_subscriber(
        &self,
        terms: &Numbered,
        channel: ChannelName,
        subscription: &Subscription,
    ) -> Result<Allowed<ToPublish>, Stop> {
        if subscription.publishes_under(terms.generation)
            && let Some(features) = terms.policy.features(&channel)
        {
            self.count_decision(Permission::Publish, true, Step::Rule);
            let standing = Standing {
                generation: terms.generation,
                step: Step::Rule,
                reads_now: false,
            };
            return Ok(Allowed::decided(channel, features, standing));
        }
        let given = subscription.given();
        let grant = self.grant_of(terms, given.as_deref(), Permission::Publish);
        let permit = self.permit_under(terms, channel, grant)?;
        // Candidate rules are to see all that happens.
        if !terms.policy.has_shadows() {
            subscription.remember_publish(permit.standing());
        }
        Ok(permit)
    }

    /// The same, by a token that came with the command.
    pub(super) fn permit_by<P: Asked>(
        &self,
        channel: ChannelName,
        grant: Option<&SubscriptionGrant>,
    ) -> Result<Allowed<P>, Stop> {
        self.permit_under(&self.node.terms.load(), channel, grant)
    }

    /// Under the terms by which it was looked whether the grant holds.
    fn permit_under<P: Asked>(
        &self,
        terms: &Numbered,
        channel: ChannelName,
        grant: Option<&SubscriptionGrant>,
    ) -> Result<Allowed<P>, Stop> {
        let decision = self.decide_by(terms, &channel, P::PERMISSION, grant);
        let features = terms.policy.features(&channel);
        let code = match (decision.denial(), features) {
            (None, Some(features)) => {
                let standing = Standing::of(terms, &decision);
                return Ok(Allowed::decided(channel, features, standing));
            }
            (Some(Denial::UnknownChannel) | None, _) => ErrorCode::UnknownChannel,
            (Some(Denial::NotAvailable), _) => ErrorCode::NotAvailable,
            (Some(Denial::Denied), _) => ErrorCode::PermissionDenied,
        };
        self.log_denial(terms, &channel, P::PERMISSION, grant, &decision);
        Err(code.into())
    }

    /// The one decision, for every command and every way in; by the token too that the connection's
    /// subscription to the channel was made with.
    pub(super) fn decide(
        &self,
        terms: &Terms,
        channel: &ChannelName,
        permission: Permission,
    ) -> Decision {
        let given = self.given(channel);
        let grant = self.grant_of(terms, given.as_deref(), permission);
        self.decide_by(terms, channel, permission, grant)
    }

    fn decide_by(
        &self,
        terms: &Terms,
        channel: &ChannelName,
        permission: Permission,
        grant: Option<&SubscriptionGrant>,
    ) -> Decision {
        let subject = self.subject(grant);
        let policy = &terms.policy;
        let decision = policy.decide(&subject, channel, permission);
        self.count_decision(permission, decision.is_allowed(), decision.step());
        if let Some(rule) = decision.rule().filter(|_| decision.reason().is_failure()) {
            self.node.metrics.rule_failed(rule);
        }
        if let Some(shadow) = policy.shadow(&subject, channel, permission) {
            self.node.metrics.shadowed(
                channel.namespace().as_str(),
                permission.as_str(),
                decision.word(),
                shadow.word(),
            );
        }
        decision
    }

    fn count_decision(&self, permission: Permission, allowed: bool, step: Step) {
        let (permission, step) = (permission.as_str(), step.as_str());
        self.node.metrics.decided(permission, allowed, step);
    }

    /// What a token gave the connection's subscription to the channel.
    fn given(&self, channel: &ChannelName) -> Option<Arc<Given>> {
        self.subscriptions.get(channel)?.given()
    }

    /// What of it is a grant that holds now.
    fn grant_of<'a>(
        &self,
        terms: &Terms,
        given: Option<&'a Given>,
        permission: Permission,
    ) -> Option<&'a SubscriptionGrant> {
        given?.grant(terms, permission, self.node.clock.now())
    }

    /// What rules may read of this connection now, and what grants.
    fn subject<'a>(&'a self, grant: Option<&'a SubscriptionGrant>) -> Subject<'a> {
        self.peer
            .subject(&self.identity, grant, self.node.clock.now())
    }

    fn log_denial(
        &self,
        terms: &Terms,
        channel: &ChannelName,
        permission: Permission,
        grant: Option<&SubscriptionGrant>,
        decision: &Decision,
    ) {
        if let Some(left_out) = self.node.lines.admit("permission denied") {
            // Only what somebody reads is explained: it costs many times a decision.
            let explanation = tracing::enabled!(tracing::Level::DEBUG).then(|| {
                terms
                    .policy
                    .explain(&self.subject(grant), channel, permission)
                    .to_string()
            });
            tracing::info!(
                user = logs::field(self.identity.user().as_str()),
                client = self.peer.name(),
                channel = logs::field(channel.as_str()),
                permission = permission.as_str(),
                step = decision.step().as_str(),
                rule = decision.rule(),
                reason = %decision.reason(),
                explanation,
                left_out,
                "permission denied"
            );
        }
    }
}
