//! A client's binary frame to commands, one length-prefixed message at a time.

use bytes::Bytes;
use prost::Message as _;

use super::wire;
use crate::protocol::decode::{self, DecodeError, Envelope};
use crate::protocol::{
    ConnectRequest, Data, HistoryRequest, Incoming, Payload, Request, StreamPosition,
    SubscribeRequest,
};

/// The first command, and what stands behind it.
pub(in crate::protocol) fn decode_first(
    mut frame: Bytes,
) -> (Result<Incoming, DecodeError>, Option<Bytes>) {
    let incoming = split_message(&mut frame).and_then(decode_message);
    (incoming, Some(frame).filter(|rest| !rest.is_empty()))
}

/// Takes the next message off the frame. No length is believed that the frame does not have.
fn split_message(rest: &mut Bytes) -> Result<Bytes, DecodeError> {
    if rest.is_empty() {
        return Err(DecodeError::EmptyFrame);
    }
    let length = prost::decode_length_delimiter(&mut *rest).map_err(|_| DecodeError::CutShort)?;
    if length > rest.len() {
        return Err(DecodeError::CutShort);
    }
    Ok(rest.split_to(length))
}

fn decode_message(message: Bytes) -> Result<Incoming, DecodeError> {
    // prost's text may quote the client's, and tells nothing that the definition does not.
    let command = wire::Command::decode(message).map_err(|_| DecodeError::NotProtobuf)?;
    if command.ping.is_some() {
        return Err(DecodeError::PingRequest);
    }
    let mut envelope = Envelope::new(command.id);
    envelope.may_have(command.connect, connect);
    envelope.may_have(command.subscribe, subscribe);
    envelope.may_have(command.unsubscribe, |body| {
        let channel = decode::channel(body.channel)?;
        Ok(Request::Unsubscribe { channel })
    });
    envelope.may_have(command.publish, publish);
    envelope.may_have(command.presence, |body| {
        let channel = decode::channel(body.channel)?;
        Ok(Request::Presence { channel })
    });
    envelope.may_have(command.presence_stats, |body| {
        let channel = decode::channel(body.channel)?;
        Ok(Request::PresenceStats { channel })
    });
    envelope.may_have(command.history, history);
    envelope.may_have(command.rpc, |body| {
        Ok(Request::Rpc {
            method: body.method,
            data: data(&body.data),
        })
    });
    envelope.may_have(command.send, |body| {
        let data = data(&body.data);
        Ok(Request::Send { data })
    });
    envelope.may_have(command.refresh, |body| {
        let token = decode::token(body.token);
        Ok(Request::Refresh { token })
    });
    envelope.may_have(command.sub_refresh, |body| {
        Ok(Request::SubRefresh {
            channel: decode::channel(body.channel)?,
            token: decode::token(body.token),
        })
    });
    envelope.into_incoming()
}

fn connect(body: wire::ConnectRequest) -> Result<Request, DecodeError> {
    Ok(Request::Connect(ConnectRequest {
        token: decode::token(body.token),
        data: data(&body.data),
        name: body.name,
        version: body.version,
    }))
}

fn subscribe(body: wire::SubscribeRequest) -> Result<Request, DecodeError> {
    Ok(Request::Subscribe(SubscribeRequest {
        channel: decode::channel(body.channel)?,
        token: decode::token(body.token),
        recover: body.recover,
        since: StreamPosition {
            offset: body.offset,
            epoch: body.epoch,
        },
        join_leave: body.join_leave,
        positioned: body.positioned,
        recoverable: body.recoverable,
        delta: decode::delta(&body.delta)?,
        error_when_unrecoverable: decode::wants_error_when_unrecoverable(body.flag),
        kind: body.r#type,
        has_tag_filter: body.tf.is_some(),
    }))
}

fn publish(body: wire::PublishRequest) -> Result<Request, DecodeError> {
    Ok(Request::Publish {
        channel: decode::channel(body.channel)?,
        data: data(&body.data),
        kind: body.r#type,
    })
}

fn history(body: wire::HistoryRequest) -> Result<Request, DecodeError> {
    Ok(Request::History(HistoryRequest {
        channel: decode::channel(body.channel)?,
        limit: body.limit,
        since: body.since.map(|since| StreamPosition {
            offset: since.offset,
            epoch: since.epoch,
        }),
        reverse: body.reverse,
    }))
}

/// Any bytes can be sent here, and only JSON can be given to others. Absent and empty are the same
/// on the wire.
fn data(bytes: &[u8]) -> Data {
    match bytes {
        [] => Ok(None),
        text => Payload::parse(text).map(Some),
    }
}
