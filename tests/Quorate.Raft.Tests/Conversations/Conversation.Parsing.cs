using System.Text;
using Quorate.Raft.Tests.Network;

namespace Quorate.Raft.Tests.Conversations;

internal sealed partial class Conversation
{
    private static RaftOptions ParseOptions(string[] words) => new()
    {
        Id = 1,
        Random = new FixedRandom(),
        PreVote = words.Contains("pre-vote"),
        CheckQuorum = words.Contains("check-quorum") || words.Contains("lease-reads"),
        LeaseBasedReads = words.Contains("lease-reads"),
        StepDownOnRemoval = words.Contains("step-down"),
        HandsOverWhenStalled = words.Contains("hand-over"),
        DisableProposalForwarding = words.Contains("no-forwarding"),
        DisableConfChangeValidation = words.Contains("no-validation"),
        MaxInflightMessages = Number(words, "window=") is var window and > 0 ? (int)window : 256,
        MaxInflightBytes = Number(words, "window-bytes="),
        MaxSizePerMessage = Number(words, "message=") is var size and > 0 ? size : words.Contains("message=0") ? 0UL : 1 << 20,
        MaxCommittedSizePerReady = Number(words, "applying=") is var applying and > 0 ? applying : 1 << 20,
        MaxUncommittedSize = Number(words, "uncommitted="),
    };

    private static Message ParseMessage(string[] words)
    {
        var type = Enum.Parse<MessageType>(words[1]);
        (ulong hint, ulong hintTerm) = Pair(words, "hint=");
        (ulong index, ulong logTerm) = Pair(words, "prev=", "last=");
        return new Message
        {
            Type = type,
            To = ulong.Parse(words[0]),
            From = Number(words, "from="),
            Term = Number(words, "term="),
            Index = index > 0 ? index : Number(words, "index="),
            LogTerm = words.Any(word => word.StartsWith("hint=", StringComparison.Ordinal)) ? hintTerm : logTerm,
            RejectHint = hint,
            Reject = words.Contains("no"),
            Commit = Number(words, "commit="),
            Entries =
            [
                .. words.Where(word => word.Contains('@') && !word.StartsWith("snapshot=", StringComparison.Ordinal))
                    .Select(ParseEntry),
                .. words.Where(word => word.StartsWith("data=", StringComparison.Ordinal)).Select(word =>
                    new Entry(0, 0, EntryType.Normal, Encoding.ASCII.GetBytes(word[5..]))),
            ],
            Context = words.Contains("force") ? Encoding.ASCII.GetBytes("CampaignTransfer")
                : words.FirstOrDefault(word => word.StartsWith("context=", StringComparison.Ordinal)) is { } context
                    ? Encoding.ASCII.GetBytes(context[8..])
                : words.Any(word => word.StartsWith("read=", StringComparison.Ordinal))
                    ? BitConverter.GetBytes(Number(words, "read="))
                : default,
            Snapshot = words.FirstOrDefault(word => word.StartsWith("snapshot=", StringComparison.Ordinal)) is { } snapshot
                ? ParseSnapshot(snapshot[9..], words)
                : null,
        };
    }

    private static Snapshot ParseSnapshot(string place, string[] words)
    {
        string[] parts = place.Split('@');
        return new Snapshot(new SnapshotMetadata(ulong.Parse(parts[0]), ulong.Parse(parts[1]), new ConfState
        {
            Voters = [.. Ids(words, "voters=")],
            Learners = [.. Ids(words, "learners=")],
            VotersOutgoing = [.. Ids(words, "outgoing=")],
        }), default);
    }

    private static Entry ParseEntry(string word)
    {
        string[] parts = word.Split('@', ':');
        return new Entry(ulong.Parse(parts[1]), ulong.Parse(parts[0]), EntryType.Normal,
            parts.Length > 2 ? Encoding.ASCII.GetBytes(parts[2]) : default);
    }

    private static ConfChangeV2 ParseChange(string[] words)
    {
        ConfChangeTransition transition = words.Contains("explicit") ? ConfChangeTransition.JointExplicit
            : words.Contains("implicit") ? ConfChangeTransition.JointImplicit
            : ConfChangeTransition.Auto;
        return new ConfChangeV2(transition, [.. words.Where(word => word.Length > 1 && char.IsDigit(word[1])).Select(word =>
            new ConfChangeSingle(word[0] switch
            {
                'v' => ConfChangeType.AddNode,
                'l' => ConfChangeType.AddLearnerNode,
                'r' => ConfChangeType.RemoveNode,
                _ => ConfChangeType.UpdateNode,
            }, ulong.Parse(word[1..])))], default);
    }

    private static Func<Message, bool> Filter(string[] words)
    {
        string[] links = [.. words.Where(word => word.Contains('>'))];
        string[] types = [.. words.Where(word => char.IsUpper(word[0]))];
        return message => (links.Length == 0 || links.Contains($"{message.From}>{message.To}"))
            && (types.Length == 0 || types.Contains(message.Type.ToString()));
    }

    private static ulong Number(string[] words, string name) => Ids(words, name).FirstOrDefault();

    private static IEnumerable<ulong> Ids(string[] words, string name) =>
        words.FirstOrDefault(word => word.StartsWith(name, StringComparison.Ordinal)) is { } word && word.Length > name.Length
            ? word[name.Length..].Split(',').Select(ulong.Parse)
            : [];

    private static (ulong Index, ulong Term) Pair(string[] words, params string[] names)
    {
        foreach (string name in names)
        {
            if (words.FirstOrDefault(word => word.StartsWith(name, StringComparison.Ordinal)) is { } word)
            {
                string[] parts = word[name.Length..].Split('/');
                return (ulong.Parse(parts[0]), parts.Length > 1 ? ulong.Parse(parts[1]) : 0);
            }
        }

        return default;
    }
}
