//! Which refusals are charged to the address that the request came from (SECURITY.md LIMIT-1).

use super::Refusal;

impl Refusal {
    /// Whether it is charged to the address that the request came from (LIMIT-1): a request that is
    /// malformed, or that brings nothing authentic. A good signature on a token that is not, or no
    /// longer, let in is no attack; nor is a page of another origin, whose users would pay for it.
    pub fn is_failed_attempt(&self) -> bool {
        self.is_malformed_request() || self.is_without_good_token()
    }

    fn is_malformed_request(&self) -> bool {
        matches!(
            self,
            Refusal::UriTooLong
                | Refusal::HeaderFieldsTooLarge
                | Refusal::BodyNotAllowed
                | Refusal::UpgradeRequired
                | Refusal::BadHttpVersion
                | Refusal::BadHost
                | Refusal::BadConnectionHeader
                | Refusal::BadKey
                | Refusal::BadSubprotocol
                | Refusal::BearerWithoutProtocol
                | Refusal::SeveralOrigins
                | Refusal::SeveralTokens
                | Refusal::SeveralAuthorizations
                | Refusal::SeveralCookies
                | Refusal::BadAuthorization
                | Refusal::TokenInUrl
                | Refusal::TicketNotTaken
        )
    }

    /// What is found out before the signature is known to be good, or that it is not.
    fn is_without_good_token(&self) -> bool {
        matches!(
            self,
            Refusal::TokenMissing
                | Refusal::TokenTooLarge
                | Refusal::TokenMalformed
                | Refusal::TokenEncrypted
                | Refusal::TokenHeaderNotSupported
                | Refusal::TokenTypeNotAllowed
                | Refusal::TokenMemberRepeated
                | Refusal::TokenTooComplex
                | Refusal::TokenIssuerUnknown
                | Refusal::TokenAlgorithmNotAllowed
                | Refusal::TokenKeyUnknown
                | Refusal::TokenKeyNotYetKnown { .. }
                | Refusal::TokenSignatureInvalid
                | Refusal::TicketInvalid
        )
    }
}
