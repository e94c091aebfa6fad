using System.Text.RegularExpressions;
using Quorate.EndToEnd.Tests.Processes;

namespace Quorate.EndToEnd.Tests.Interop;

/// <summary>
/// One script of commands, typed with either command line at either server, prints the same. Only ids, terms, log indexes, sizes, times
/// and versions may differ.
/// </summary>
public sealed partial class SameOutput
{
    /// <summary>A line for each command, with its standard input behind "&lt;&lt;".</summary>
    private static readonly (string[] Words, string Input)[] s_script =
    [
        (["put", "a", "1"], ""),
        (["put", "a", "2", "--prev-kv"], ""),
        (["put", "b", "from standard input is not this"], ""),
        (["put", "c"], "from standard input"),
        (["put", "dir/1", "one"], ""),
        (["put", "dir/2", "two"], ""),
        (["put", "dir/3", "three"], ""),
        (["put", "--ignore-value", "dir/3"], ""),
        (["put", "--ignore-value", "not there"], ""),
        (["get", "a"], ""),
        (["get", "a", "--rev=2"], ""),
        (["get", "a", "--rev=100"], ""),
        (["get", "nothing"], ""),
        (["get", "a", "c"], ""),
        (["get", "dir/", "--prefix"], ""),
        (["get", "dir/", "--prefix", "--keys-only"], ""),
        (["get", "dir/", "--prefix", "--count-only"], ""),
        (["get", "dir/", "--prefix", "--count-only", "--write-out=fields"], ""),
        (["get", "dir/", "--prefix", "--limit=2"], ""),
        (["get", "dir/", "--prefix", "--print-value-only"], ""),
        (["get", "dir/", "--prefix", "--order=DESCEND", "--sort-by=MODIFY"], ""),
        (["get", "dir/", "--prefix", "--order=DESCEND"], ""),
        (["get", "b", "--from-key"], ""),
        (["get", "", "--prefix"], ""),
        (["get", "a", "--hex"], ""),
        (["get", "a", "-w", "json"], ""),
        (["get", "a", "-w", "fields"], ""),
        (["get", "a", "-w", "table"], ""),
        (["get", "a", "--from-key", "--prefix"], ""),
        (["get", "a", "b", "c"], ""),
        (["get"], ""),
        (["get", "a", "--order=SIDEWAYS"], ""),
        (["get", "a", "--consistency=s"], ""),
        (["get", "a", "--consistency=x"], ""),
        (["put"], ""),
        (["put", "--lease=123", "x", "y"], ""),
        (["txn"], "value(\"a\") = \"2\"\n\nput a 3\nget a\n\nput a 4\n\n"),
        (["txn"], "mod(\"a\") > \"100\"\n\nput a 5\n\nget dir/ --prefix\ndel dir/1\n\n"),
        (["txn", "-w", "json"], "version(\"a\") > \"0\"\n\nget a\n\n\n"),
        (["txn"], "nonsense\n\nput a 3\n\n\n"),
        (["del", "dir/2", "--prev-kv"], ""),
        (["del", "dir/", "--prefix"], ""),
        (["del", "nothing"], ""),
        (["del", "b", "-w", "json"], ""),
        (["del", "a", "--from-key", "--prev-kv"], ""),
        (["compaction", "5"], ""),
        (["compaction", "5"], ""),
        (["compaction", "500"], ""),
        (["get", "a", "--rev=3"], ""),
        (["member", "list"], ""),
        (["member", "list", "-w", "table"], ""),
        (["member", "list", "-w", "json"], ""),
        (["member", "list", "-w", "fields"], ""),
        (["member", "remove", "xyz"], ""),
        (["member", "remove", "abc123"], ""),
        (["member", "add"], ""),
        (["member", "add", "x"], ""),
        (["member", "update", "abc"], ""),
        (["member", "promote", "abc123"], ""),
        (["endpoint", "health"], ""),
        (["endpoint", "hashkv"], ""),
        (["endpoint", "status", "-w", "fields"], ""),
        (["alarm", "list"], ""),
        (["lease", "list"], ""),
        (["lease", "grant", "x"], ""),
        (["lease", "timetolive", "123"], ""),
        (["lease", "revoke", "123"], ""),
        (["defrag"], ""),
        (["auth", "status"], ""),
        (["auth", "enable"], ""),
        (["user", "list"], ""),
        (["role", "add", "r"], ""),
        (["role", "add", "r"], ""),
        (["role", "grant-permission", "r", "readwrite", "a", "b"], ""),
        (["role", "get", "r"], ""),
        (["user", "add", "u:secret"], ""),
        (["user", "grant-role", "u", "r"], ""),
        (["user", "get", "u"], ""),
        (["user", "get", "v"], ""),
        (["role", "delete", "r"], ""),
        (["user", "delete", "u"], ""),
        (["nonsense"], ""),
        (["get", "a", "--nonsense"], ""),
    ];

    /// <summary>Where 3.7's command line, which ours is, prints otherwise than 3.5's (spec 07 §5.3, §8.2, §8.4, §1).</summary>
    private static readonly HashSet<string> s_otherSince35 =
        ["member list -w fields", "endpoint hashkv", "endpoint status -w fields", "defrag", "get a --nonsense"];

    [Fact]
    public async Task Either_command_line_prints_the_same_of_either_server()
    {
        string goServer = Programs.Go("3.5", "etcd");
        string goCtl = Programs.Go("3.5", "etcdctl");
        List<string> expected = await TypeAsync(goServer, goCtl);
        Compare("our server", expected, await TypeAsync(Programs.Etcd, goCtl, "--compat-version=3.5"));
        Compare("our command line", expected, await TypeAsync(goServer, Programs.Etcdctl));
        Compare("both ours", expected, await TypeAsync(Programs.Etcd, Programs.Etcdctl, "--compat-version=3.5"));
    }

    private static void Compare(string what, List<string> expected, List<string> found)
    {
        bool isOurs = what != "our server";
        IEnumerable<string> differences = expected.Zip(found).Where(pair => pair.First != pair.Second)
            .Where(pair => !isOurs || !s_otherSince35.Contains(pair.First.Split('\n')[0]["$ etcdctl ".Length..]))
            .Select(pair => $"expected:\n{pair.First}found:\n{pair.Second}");
        string told = string.Join("\n", differences);
        Assert.True(told.Length == 0, $"{what} prints otherwise:\n{told}");
    }

    private static async Task<List<string>> TypeAsync(string server, string etcdctl, params string[] serverArguments)
    {
        await using var member = new ClusterMember("m1", Host.Loopback(), server);
        member.ExtraArguments.AddRange(serverArguments);
        member.Start(member.PeerEntry);
        var ctl = new Ctl(etcdctl, member.Host.ClientUrl);
        await ctl.UntilAsync(_ => true, "endpoint", "health");
        await ctl.UntilAsync(output => output.Contains("started", StringComparison.Ordinal), "member", "list");
        var transcript = new List<string>();
        foreach ((string[] words, string input) in s_script)
        {
            Command command = await ctl.TryWithInputAsync(input, words);
            transcript.Add($"$ etcdctl {string.Join(' ', words)}\n{Normalised(command.Output, member.Host)}"
                + $"{Normalised(FirstLineOfUsage(command.Error), member.Host)}exit {command.ExitCode}\n");
        }

        return transcript;
    }

    /// <summary>The error and nothing of the help that may follow it: the help is our own. Log lines of the Go client are left out.</summary>
    private static string FirstLineOfUsage(string error)
    {
        string[] lines = [.. error.Split('\n').Where(line => !line.StartsWith('{'))];
        return lines[0] + "\n";
    }

    private static string Normalised(string text, Host host)
    {
        text = text.Replace(host.Address, "ADDRESS", StringComparison.Ordinal);
        text = Took().Replace(text, "took = TIME");
        text = Finished().Replace(text, "[TIME]");
        text = JsonIds().Replace(text, "\"$1\":N");
        text = FieldIds().Replace(text, "\"$1\" : N");
        text = HexIds().Replace(text, "ID");
        text = Rules().Replace(text, "+--+");
        return Spaces().Replace(text, " ");
    }

    [GeneratedRegex("took = [0-9.µmsn]+")]
    private static partial Regex Took();

    [GeneratedRegex(@"\[[0-9.µmsn]+s\]|took [0-9.]+[µmn]?s")]
    private static partial Regex Finished();

    [GeneratedRegex("\"(cluster_id|member_id|raft_term|ID)\":[0-9]+")]
    private static partial Regex JsonIds();

    [GeneratedRegex("\"(ClusterID|MemberID|RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse|Leader|ID|Version|StorageVersion)\" : [0-9\"a-z.]+")]
    private static partial Regex FieldIds();

    [GeneratedRegex(@"\b[0-9a-f]{14,16}\b")]
    private static partial Regex HexIds();

    [GeneratedRegex(@"\+-[-+]*\+")]
    private static partial Regex Rules();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}
