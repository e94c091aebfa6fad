using System.Text;

namespace Quorate.Raft.Tests.Conversations;

/// <summary>How a conversation writes messages, entries and work down.</summary>
internal static class Print
{
    public static string Message(Message message)
    {
        string head = $"{message.From}>{message.To} {message.Type}" + (message.Term > 0 ? $" t{message.Term}" : "");
        return head + message.Type switch
        {
            MessageType.Prop => $" {Entries(message.Entries)}",
            MessageType.App => $" prev={message.Index}/{message.LogTerm} {Entries(message.Entries)} commit={message.Commit}",
            MessageType.AppResp or MessageType.StorageAppendResp when message.Reject =>
                $" refuses {message.Index} hint={message.RejectHint}/{message.LogTerm}",
            MessageType.AppResp => $" {message.Index}",
            MessageType.Vote or MessageType.PreVote =>
                $" last={message.Index}/{message.LogTerm}" + (message.Context.Length > 0 ? $" {Text(message.Context)}" : ""),
            MessageType.VoteResp or MessageType.PreVoteResp => message.Reject ? " no" : " yes",
            MessageType.Heartbeat => $" commit={message.Commit}{Context(message)}",
            MessageType.HeartbeatResp => Context(message),
            MessageType.Snap when message.Snapshot!.Metadata is var snapshot =>
                $" {snapshot.Index}@{snapshot.Term} {snapshot.ConfState}",
            MessageType.ReadIndex => $" {Text(message.Entries[0].Data)}",
            MessageType.ReadIndexResp => $" {message.Index} {Text(message.Entries[0].Data)}",
            _ => "",
        };
    }

    public static string Entries(IReadOnlyList<Entry> entries) => $"[{string.Join(' ', entries.Select(Entry))}]";

    public static string Entry(Entry entry)
    {
        string place = entry.Index > 0 ? $"{entry.Index}@{entry.Term}" : "";
        return place + entry.Type switch
        {
            EntryType.ConfChange => $":{Change(RaftWire.DecodeConfChange(entry.Data).ToV2())}",
            EntryType.ConfChangeV2 => $":{Change(RaftWire.DecodeConfChangeV2(entry.Data))}",
            _ when entry.Data.Length > 16 => $":{entry.Data.Length}B",
            _ when entry.Data.Length > 0 => $":{Encoding.ASCII.GetString(entry.Data.Span)}",
            _ => "",
        };
    }

    public static string Write(Append append)
    {
        var text = new StringBuilder("writes");
        if (append.HardState is { } state)
        {
            text.Append($" term={state.Term} vote={state.Vote} commit={state.Commit}");
        }

        if (append.Snapshot is { } snapshot)
        {
            text.Append($" snapshot {snapshot.Metadata.Index}@{snapshot.Metadata.Term}");
        }

        if (append.Entries.Count > 0)
        {
            text.Append($" {Entries(append.Entries)}");
        }

        return text.Append(append.MustSync ? " sync" : "").ToString();
    }

    private static string Change(ConfChangeV2 change) =>
        change.LeavesJoint ? "leave" : string.Join('+', change.Changes.Select(single => single.Type switch
        {
            ConfChangeType.AddNode => "v",
            ConfChangeType.AddLearnerNode => "l",
            ConfChangeType.RemoveNode => "r",
            _ => "u",
        } + single.NodeId));

    private static string Context(Message message) =>
        message.Context.Length == 0 ? ""
        : message.Context.Length == 8 ? $" read={BitConverter.ToUInt64(message.Context.Span)}"
        : $" context={Text(message.Context)}";

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.ASCII.GetString(bytes.Span);
}
