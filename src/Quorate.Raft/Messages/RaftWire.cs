using System.Numerics;

namespace Quorate.Raft;

/// <summary>
/// The bytes of raftpb (proto2), written in the form of 3.4 to 3.6, in which every scalar is always there: each version from 3.4
/// to 3.7 reads it (spec 01 §4.1, 08 §3.1). Readers take absent and zero alike and skip unknown fields; malformed bytes give
/// <see cref="FormatException"/>.
/// </summary>
public static class RaftWire
{
    private const int MaxDepth = 8;

    public static byte[] Encode(Message message)
    {
        var buffer = new byte[SizeOf(message)];
        Write(buffer, message);
        return buffer;
    }

    public static byte[] Encode(in Entry entry)
    {
        var buffer = new byte[SizeOf(entry)];
        Write(buffer, entry);
        return buffer;
    }

    public static byte[] Encode(HardState state)
    {
        var buffer = new byte[3 + VarintSize(state.Term) + VarintSize(state.Vote) + VarintSize(state.Commit)];
        var writer = new Writer(buffer);
        writer.Field(1, state.Term);
        writer.Field(2, state.Vote);
        writer.Field(3, state.Commit);
        return buffer;
    }

    public static byte[] Encode(ConfState state)
    {
        var buffer = new byte[SizeOf(state)];
        var writer = new Writer(buffer);
        writer.ConfState(state);
        return buffer;
    }

    public static byte[] Encode(Snapshot snapshot)
    {
        var buffer = new byte[SizeOf(snapshot)];
        var writer = new Writer(buffer);
        writer.Snapshot(snapshot);
        return buffer;
    }

    public static byte[] Encode(ConfChange change)
    {
        var buffer = new byte[3 + VarintSize(change.Id) + VarintSize((ulong)change.Type) + VarintSize(change.NodeId)
            + BytesSize(change.Context)];
        var writer = new Writer(buffer);
        writer.Field(1, change.Id);
        writer.Field(2, (ulong)change.Type);
        writer.Field(3, change.NodeId);
        writer.Bytes(4, change.Context.Span);
        return buffer;
    }

    public static byte[] Encode(ConfChangeV2 change)
    {
        int size = 2 + BytesSize(change.Context);
        foreach (ConfChangeSingle single in change.Changes)
        {
            size += 2 + SizeOf(single);
        }

        var buffer = new byte[size];
        var writer = new Writer(buffer);
        writer.Field(1, (ulong)change.Transition);
        foreach (ConfChangeSingle single in change.Changes)
        {
            writer.Header(2, SizeOf(single));
            writer.Field(1, (ulong)single.Type);
            writer.Field(2, single.NodeId);
        }

        writer.Bytes(3, change.Context.Span);
        return buffer;
    }

    /// <summary>Size in bytes of <see cref="Encode(Message)"/>.</summary>
    public static int SizeOf(Message message)
    {
        int size = 9 + VarintSize((ulong)message.Type) + VarintSize(message.To) + VarintSize(message.From)
            + VarintSize(message.Term) + VarintSize(message.LogTerm) + VarintSize(message.Index) + VarintSize(message.Commit)
            + 1 + VarintSize(message.RejectHint) + BytesSize(message.Context);
        for (int index = 0; index < message.Entries.Count; index++)
        {
            int entry = SizeOf(message.Entries[index]);
            size += 1 + VarintSize((ulong)entry) + entry;
        }

        int snapshot = message.Snapshot is null ? EmptySnapshot.Length : SizeOf(message.Snapshot);
        return size + 1 + VarintSize((ulong)snapshot) + snapshot;
    }

    /// <summary>
    /// Writes what <see cref="Encode(Message)"/> gives into a buffer of at least <see cref="SizeOf(Message)"/> bytes; returns the
    /// size.
    /// </summary>
    public static int Write(Span<byte> buffer, Message message)
    {
        var writer = new Writer(buffer);
        writer.Field(1, (ulong)message.Type);
        writer.Field(2, message.To);
        writer.Field(3, message.From);
        writer.Field(4, message.Term);
        writer.Field(5, message.LogTerm);
        writer.Field(6, message.Index);
        for (int index = 0; index < message.Entries.Count; index++)
        {
            Entry entry = message.Entries[index];
            writer.Header(7, SizeOf(entry));
            writer.Entry(entry);
        }

        writer.Field(8, message.Commit);
        if (message.Snapshot is null)
        {
            writer.Header(9, EmptySnapshot.Length);
            writer.Raw(EmptySnapshot);
        }
        else
        {
            writer.Header(9, SizeOf(message.Snapshot));
            writer.Snapshot(message.Snapshot);
        }

        writer.Field(10, message.Reject ? 1UL : 0UL);
        writer.Field(11, message.RejectHint);
        writer.Bytes(12, message.Context.Span);
        return writer.Position;
    }

    /// <summary>Size in bytes of an entry; this is what counts toward the size of an append message.</summary>
    public static int SizeOf(in Entry entry) =>
        3 + VarintSize((ulong)entry.Type) + VarintSize(entry.Term) + VarintSize(entry.Index) + BytesSize(entry.Data);

    /// <summary>Writes an entry into a buffer of at least <see cref="SizeOf(in Entry)"/> bytes; returns the size.</summary>
    public static int Write(Span<byte> buffer, in Entry entry)
    {
        var writer = new Writer(buffer);
        writer.Entry(entry);
        return writer.Position;
    }

    /// <summary>
    /// Reads a message. Entries and other payloads are slices of the given bytes, which must not change afterwards.
    /// </summary>
    public static Message DecodeMessage(ReadOnlyMemory<byte> bytes) => DecodeMessage(bytes, 0);

    public static Entry DecodeEntry(ReadOnlyMemory<byte> bytes)
    {
        ulong type = 0, term = 0, index = 0;
        ReadOnlyMemory<byte> data = default;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: type = reader.Varint(); break;
                case 2: term = reader.Varint(); break;
                case 3: index = reader.Varint(); break;
                case 4: data = reader.Bytes(); break;
                default: reader.Skip(); break;
            }
        }

        return new Entry(term, index, (EntryType)type, data);
    }

    public static HardState DecodeHardState(ReadOnlyMemory<byte> bytes)
    {
        ulong term = 0, vote = 0, commit = 0;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: term = reader.Varint(); break;
                case 2: vote = reader.Varint(); break;
                case 3: commit = reader.Varint(); break;
                default: reader.Skip(); break;
            }
        }

        return new HardState(term, vote, commit);
    }

    public static ConfState DecodeConfState(ReadOnlyMemory<byte> bytes)
    {
        List<ulong> voters = [], learners = [], outgoing = [], next = [];
        bool autoLeave = false;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: reader.Varints(voters); break;
                case 2: reader.Varints(learners); break;
                case 3: reader.Varints(outgoing); break;
                case 4: reader.Varints(next); break;
                case 5: autoLeave = reader.Varint() != 0; break;
                default: reader.Skip(); break;
            }
        }

        return new ConfState
        {
            Voters = voters,
            Learners = learners,
            VotersOutgoing = outgoing,
            LearnersNext = next,
            AutoLeave = autoLeave,
        };
    }

    public static Snapshot DecodeSnapshot(ReadOnlyMemory<byte> bytes)
    {
        ReadOnlyMemory<byte> data = default;
        SnapshotMetadata metadata = SnapshotMetadata.Empty;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: data = reader.Bytes(); break;
                case 2: metadata = DecodeMetadata(reader.Bytes()); break;
                default: reader.Skip(); break;
            }
        }

        return new Snapshot(metadata, data);
    }

    public static ConfChange DecodeConfChange(ReadOnlyMemory<byte> bytes)
    {
        ulong id = 0, type = 0, node = 0;
        ReadOnlyMemory<byte> context = default;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: id = reader.Varint(); break;
                case 2: type = reader.Varint(); break;
                case 3: node = reader.Varint(); break;
                case 4: context = reader.Bytes(); break;
                default: reader.Skip(); break;
            }
        }

        return new ConfChange(id, (ConfChangeType)type, node, context);
    }

    public static ConfChangeV2 DecodeConfChangeV2(ReadOnlyMemory<byte> bytes)
    {
        ulong transition = 0;
        List<ConfChangeSingle> changes = [];
        ReadOnlyMemory<byte> context = default;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: transition = reader.Varint(); break;
                case 2:
                    // A single change is a ConfChange with its fields one number lower.
                    ulong type = 0, node = 0;
                    var single = new Reader(reader.Bytes());
                    while (single.Next())
                    {
                        switch (single.Number)
                        {
                            case 1: type = single.Varint(); break;
                            case 2: node = single.Varint(); break;
                            default: single.Skip(); break;
                        }
                    }

                    changes.Add(new ConfChangeSingle((ConfChangeType)type, node));
                    break;
                case 3: context = reader.Bytes(); break;
                default: reader.Skip(); break;
            }
        }

        return new ConfChangeV2((ConfChangeTransition)transition, changes, context);
    }

    /// <summary>
    /// The record that the log on disk keeps of a snapshot (walpb.Snapshot, spec 01 §4.2); 3.4 writes no configuration.
    /// </summary>
    public static byte[] EncodeSnapshotRecord(ulong index, ulong term, ConfState? state)
    {
        int stateSize = state is null ? 0 : SizeOf(state);
        int size = 2 + VarintSize(index) + VarintSize(term) + (state is null ? 0 : 1 + VarintSize((ulong)stateSize) + stateSize);
        var buffer = new byte[size];
        var writer = new Writer(buffer);
        writer.Field(1, index);
        writer.Field(2, term);
        if (state is not null)
        {
            writer.Header(3, stateSize);
            writer.ConfState(state);
        }

        return buffer;
    }

    public static (ulong Index, ulong Term, ConfState? State) DecodeSnapshotRecord(ReadOnlyMemory<byte> bytes)
    {
        ulong index = 0, term = 0;
        ConfState? state = null;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: index = reader.Varint(); break;
                case 2: term = reader.Varint(); break;
                case 3: state = DecodeConfState(reader.Bytes()); break;
                default: reader.Skip(); break;
            }
        }

        return (index, term, state);
    }

    /// <summary>The empty snapshot that 3.4 and 3.5 write into every message.</summary>
    private static ReadOnlySpan<byte> EmptySnapshot => [0x12, 0x08, 0x0a, 0x02, 0x28, 0x00, 0x10, 0x00, 0x18, 0x00];

    private static Message DecodeMessage(ReadOnlyMemory<byte> bytes, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new FormatException("raft message: nested too deeply");
        }

        ulong type = 0, to = 0, from = 0, term = 0, logTerm = 0, index = 0, commit = 0, reject = 0, rejectHint = 0;
        List<Entry>? entries = null;
        Snapshot? snapshot = null;
        ReadOnlyMemory<byte> context = default;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: type = reader.Varint(); break;
                case 2: to = reader.Varint(); break;
                case 3: from = reader.Varint(); break;
                case 4: term = reader.Varint(); break;
                case 5: logTerm = reader.Varint(); break;
                case 6: index = reader.Varint(); break;
                case 7: (entries ??= []).Add(DecodeEntry(reader.Bytes())); break;
                case 8: commit = reader.Varint(); break;
                case 9: snapshot = DecodeSnapshot(reader.Bytes()); break;
                case 10: reject = reader.Varint(); break;
                case 11: rejectHint = reader.Varint(); break;
                case 12: context = reader.Bytes(); break;
                default: reader.Skip(); break;
            }
        }

        if (snapshot?.Metadata.Index == 0)
        {
            snapshot = null;
        }

        return new Message
        {
            Type = (MessageType)type,
            To = to,
            From = from,
            Term = term,
            LogTerm = logTerm,
            Index = index,
            Entries = entries ?? (IReadOnlyList<Entry>)[],
            Commit = commit,
            Snapshot = snapshot,
            Reject = reject != 0,
            RejectHint = rejectHint,
            Context = context,
        };
    }

    private static SnapshotMetadata DecodeMetadata(ReadOnlyMemory<byte> bytes)
    {
        ConfState state = ConfState.Empty;
        ulong index = 0, term = 0;
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1: state = DecodeConfState(reader.Bytes()); break;
                case 2: index = reader.Varint(); break;
                case 3: term = reader.Varint(); break;
                default: reader.Skip(); break;
            }
        }

        return new SnapshotMetadata(index, term, state);
    }

    private static int VarintSize(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    private static int BytesSize(ReadOnlyMemory<byte> bytes) =>
        bytes.Length == 0 ? 0 : 1 + VarintSize((ulong)bytes.Length) + bytes.Length;

    private static int SizeOf(ConfChangeSingle single) => 2 + VarintSize((ulong)single.Type) + VarintSize(single.NodeId);

    private static int SizeOf(ConfState state) =>
        2 + IdsSize(state.Voters) + IdsSize(state.Learners) + IdsSize(state.VotersOutgoing) + IdsSize(state.LearnersNext);

    private static int SizeOf(SnapshotMetadata metadata)
    {
        int state = SizeOf(metadata.ConfState);
        return 3 + VarintSize((ulong)state) + state + VarintSize(metadata.Index) + VarintSize(metadata.Term);
    }

    private static int SizeOf(Snapshot snapshot)
    {
        int metadata = SizeOf(snapshot.Metadata);
        return BytesSize(snapshot.Data) + 1 + VarintSize((ulong)metadata) + metadata;
    }

    private static int IdsSize(IReadOnlyList<ulong> ids)
    {
        int size = 0;
        foreach (ulong id in ids)
        {
            size += 1 + VarintSize(id);
        }

        return size;
    }

    /// <summary>Writes fields in order; every size was computed before, so that nothing is checked here.</summary>
    private ref struct Writer(Span<byte> buffer)
    {
        private readonly Span<byte> _buffer = buffer;

        public int Position { get; private set; }

        public void Field(int number, ulong value)
        {
            _buffer[Position++] = (byte)(number << 3);
            Varint(value);
        }

        public void Header(int number, int length)
        {
            _buffer[Position++] = (byte)((number << 3) | 2);
            Varint((ulong)length);
        }

        public void Bytes(int number, ReadOnlySpan<byte> value)
        {
            if (value.Length > 0)
            {
                Header(number, value.Length);
                Raw(value);
            }
        }

        public void Raw(ReadOnlySpan<byte> value)
        {
            value.CopyTo(_buffer[Position..]);
            Position += value.Length;
        }

        public void Entry(in Entry entry)
        {
            Field(1, (ulong)entry.Type);
            Field(2, entry.Term);
            Field(3, entry.Index);
            Bytes(4, entry.Data.Span);
        }

        public void ConfState(ConfState state)
        {
            Ids(1, state.Voters);
            Ids(2, state.Learners);
            Ids(3, state.VotersOutgoing);
            Ids(4, state.LearnersNext);
            Field(5, state.AutoLeave ? 1UL : 0UL);
        }

        public void Snapshot(Snapshot snapshot)
        {
            Bytes(1, snapshot.Data.Span);
            Header(2, SizeOf(snapshot.Metadata));
            Header(1, SizeOf(snapshot.Metadata.ConfState));
            ConfState(snapshot.Metadata.ConfState);
            Field(2, snapshot.Metadata.Index);
            Field(3, snapshot.Metadata.Term);
        }

        private void Ids(int number, IReadOnlyList<ulong> ids)
        {
            foreach (ulong id in ids)
            {
                Field(number, id);
            }
        }

        private void Varint(ulong value)
        {
            while (value >= 0x80)
            {
                _buffer[Position++] = (byte)(value | 0x80);
                value >>= 7;
            }

            _buffer[Position++] = (byte)value;
        }
    }

    /// <summary>Reads fields in any order.</summary>
    private ref struct Reader(ReadOnlyMemory<byte> bytes)
    {
        private readonly ReadOnlyMemory<byte> _bytes = bytes;
        private int _position;
        private int _wireType;

        public int Number { get; private set; }

        public bool Next()
        {
            if (_position >= _bytes.Length)
            {
                return false;
            }

            ulong tag = RawVarint();
            Number = tag >> 3 is > 0 and < (1 << 29) ? (int)(tag >> 3)
                : throw new FormatException($"raft message: illegal tag {tag}");
            _wireType = (int)(tag & 7);
            return true;
        }

        public ulong Varint() => _wireType == 0 ? RawVarint() : throw WrongType();

        public void Varints(List<ulong> into)
        {
            if (_wireType == 0)
            {
                into.Add(RawVarint());
                return;
            }

            var packed = new Reader(Bytes());
            while (packed._position < packed._bytes.Length)
            {
                into.Add(packed.RawVarint());
            }
        }

        public ReadOnlyMemory<byte> Bytes()
        {
            if (_wireType != 2)
            {
                throw WrongType();
            }

            ulong length = RawVarint();
            if (length > (ulong)(_bytes.Length - _position))
            {
                throw new FormatException("raft message: unexpected end");
            }

            ReadOnlyMemory<byte> value = _bytes.Slice(_position, (int)length);
            _position += (int)length;
            return value;
        }

        public void Skip()
        {
            switch (_wireType)
            {
                case 0: RawVarint(); break;
                case 1: Advance(8); break;
                case 2: Bytes(); break;
                case 5: Advance(4); break;
                default: throw WrongType();
            }
        }

        private void Advance(int count)
        {
            if (count > _bytes.Length - _position)
            {
                throw new FormatException("raft message: unexpected end");
            }

            _position += count;
        }

        private ulong RawVarint()
        {
            ReadOnlySpan<byte> span = _bytes.Span;
            ulong value = 0;
            for (int shift = 0; shift < 70; shift += 7)
            {
                if (_position >= span.Length)
                {
                    throw new FormatException("raft message: unexpected end");
                }

                byte next = span[_position++];
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }

            throw new FormatException("raft message: a number is too long");
        }

        private readonly FormatException WrongType() => new($"raft message: field {Number} has the wrong wire type {_wireType}");
    }
}
