using Google.Protobuf;
using Quorate.Protocol.KeyValues;

namespace Quorate.Mvcc.Watching;

/// <summary>A change at its revision. Its bytes are made once for all watchers that get it.</summary>
public sealed class WatchEvent(Change change, long revision)
{
    private byte[]? _encoded;

    public Change Change => change;

    public long Revision => revision;

    /// <summary>Whether the key had a value before.</summary>
    public bool HasPrevious => change.IsDelete || change.Created != revision;

    /// <summary>The bytes of mvccpb.Event without a previous value.</summary>
    public byte[] Encoded => _encoded ??= ToMessage().ToByteArray();

    /// <summary>A message of its own.</summary>
    public Event ToMessage() => change.IsDelete
        ? new Event
        {
            Type = Event.Types.EventType.Delete,
            Kv = new KeyValue { Key = ByteString.CopyFrom(change.Key), ModRevision = revision },
        }
        : new Event { Kv = KeyValue.Parser.ParseFrom(change.Row) };
}
