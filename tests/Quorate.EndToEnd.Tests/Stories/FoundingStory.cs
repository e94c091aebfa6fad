using System.Text.RegularExpressions;
using Quorate.EndToEnd.Tests.Processes;

namespace Quorate.EndToEnd.Tests.Stories;

/// <summary>
/// The story that started the project: three members on three hosts, a fourth added and removed, by command line and by a program.
/// On network namespaces it has its very addresses, and so the very ids.
/// </summary>
public sealed partial class FoundingStory
{
    private static readonly string[] s_addresses = ["192.168.10.109", "192.168.10.110", "192.168.10.114", "192.168.10.117"];

    [Fact]
    public async Task It_runs_to_the_letter_on_its_own_addresses()
    {
        Assert.SkipUnless(NamespaceNetwork.IsPossible, "network namespaces need root and iproute2");
        await using NamespaceNetwork network = await NamespaceNetwork.CreateAsync();
        var hosts = new List<Host>();
        foreach (string address in s_addresses)
        {
            hosts.Add(await network.AddHostAsync(address));
        }

        await RunAsync([.. hosts], network.Switch, Programs.Etcdctl,
            ["238906d2949aadeb", "e90298bdbb087f01", "4c2e39c28a58c9a7"], "27dde2dbe9446588");
    }

    [Fact]
    public async Task It_runs_on_loopback_addresses() =>
        await RunAsync(Host.Loopbacks(4), null, Programs.Etcdctl, null, null);

    [Theory]
    [InlineData("3.4")]
    [InlineData("3.5")]
    public async Task It_runs_with_the_command_line_of_Go(string version) =>
        await RunAsync(Host.Loopbacks(4), null, Programs.Go(version, "etcdctl"), null, null);

    private static async Task RunAsync(Host[] hosts, string? clientNamespace, string etcdctl, string[]? ids, string? clusterId)
    {
        await using var first = new ClusterMember("etcd01", hosts[0], Programs.Etcd);
        await using var second = new ClusterMember("etcd02", hosts[1], Programs.Etcd);
        await using var third = new ClusterMember("etcd03", hosts[2], Programs.Etcd);
        await using var fourth = new ClusterMember("etcd04", hosts[3], Programs.Etcd);
        ClusterMember[] three = [first, second, third];
        string initialCluster = string.Join(',', three.Select(member => member.PeerEntry));
        foreach (ClusterMember member in three)
        {
            member.Start(initialCluster);
        }

        var ctl = new Ctl(etcdctl, Ctl.EndpointsOf(three), clientNamespace);
        string table = await ctl.UntilAsync(output => Rows(output).Length == 3 && !output.Contains("unstarted", StringComparison.Ordinal),
            "--write-out=table", "member", "list");
        string[][] rows = Rows(table);
        Assert.Contains("|        ID        | STATUS  |  NAME  |", table, StringComparison.Ordinal);
        Assert.Equal(["etcd01", "etcd02", "etcd03"], rows.Select(row => row[2]).Order());
        foreach (ClusterMember member in three)
        {
            string[] row = rows.Single(row => row[2] == member.Name);
            Assert.Equal(["started", member.Name, member.Host.PeerUrl, member.Host.ClientUrl, "false"], row[1..]);
        }

        if (ids is not null)
        {
            Assert.Equal(ids, three.Select(member => rows.Single(row => row[2] == member.Name)[0]));
        }

        Assert.Equal("OK\n", await ctl.RunAsync("put", "before", "the fourth"));

        // A cluster whose members have not known each other for five seconds is "unhealthy", and takes nobody in yet.
        string added = await ctl.UntilAsync(_ => true, "member", "add", "etcd04", $"--peer-urls={fourth.Host.PeerUrl}");
        Match addition = Added().Match(added);
        Assert.True(addition.Success, added);
        string id = addition.Groups["id"].Value;
        if (clusterId is not null)
        {
            Assert.Equal(clusterId, addition.Groups["cluster"].Value);
        }

        Assert.Contains("ETCD_NAME=\"etcd04\"\n", added, StringComparison.Ordinal);
        Assert.Contains($"ETCD_INITIAL_ADVERTISE_PEER_URLS=\"{fourth.Host.PeerUrl}\"\n", added, StringComparison.Ordinal);
        Assert.Contains("ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n", added, StringComparison.Ordinal);
        string grown = InitialCluster().Match(added).Groups[1].Value;
        Assert.Equal(three.Append(fourth).Select(member => member.PeerEntry).Order(), grown.Split(',').Order());

        rows = Rows(await ctl.RunAsync("--write-out=table", "member", "list"));
        Assert.Equal([id, "unstarted", "", fourth.Host.PeerUrl, "", "false"], rows.Single(row => row[0] == id));

        fourth.Start(grown, "existing");
        rows = Rows(await ctl.UntilAsync(output => Rows(output).Length == 4 && !output.Contains("unstarted", StringComparison.Ordinal),
            "--write-out=table", "member", "list"));
        Assert.Equal([id, "started", "etcd04", fourth.Host.PeerUrl, fourth.Host.ClientUrl, "false"], rows.Single(row => row[0] == id));

        foreach (ClusterMember member in three.Append(fourth))
        {
            var one = new Ctl(etcdctl, member.Host.ClientUrl, clientNamespace);
            Assert.Equal("before\nthe fourth\n", await one.UntilAsync(output => output.Length > 0, "get", "before"));
            Assert.Equal("OK\n", await one.RunAsync("put", $"through {member.Name}", member.Name));
            Assert.Equal($"through {member.Name}\n{member.Name}\n", await ctl.RunAsync("get", $"through {member.Name}"));
        }

        string removed = await ctl.RunAsync("member", "remove", id);
        Assert.Matches($"^Member +{id} removed from cluster +[0-9a-f]+\n$", removed);
        await fourth.Program!.ExitAsync();
        Assert.Equal(3, Rows(await ctl.RunAsync("--write-out=table", "member", "list")).Length);
        Assert.Equal("OK\n", await ctl.RunAsync("put", "after", "the fourth"));
        await ByProgramAsync(three, fourth.Host, clientNamespace);
    }

    /// <summary>List, add, list, remove, list, by the program of the samples, which has the client library.</summary>
    private static async Task ByProgramAsync(ClusterMember[] three, Host added, string? clientNamespace)
    {
        string program = Programs.Sample("MemberManagement");
        string[] arguments = [Ctl.EndpointsOf(three), added.PeerUrl];
        string output = clientNamespace is null
            ? await Command.OutputAsync(program, arguments)
            : await Command.OutputAsync("ip", ["netns", "exec", clientNamespace, program, .. arguments]);
        string[][] lists = [.. output.Split("members:\n", StringSplitOptions.RemoveEmptyEntries)[0].Split("after the ")
            .Select(part => part.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal)).Order().ToArray())];
        Assert.Equal([3, 4, 3], lists.Select(list => list.Length));
        Assert.Equal(lists[0], lists[2]);
        string newcomer = Assert.Single(lists[1].Except(lists[0]));
        Assert.EndsWith($"(unstarted) peers={added.PeerUrl} clients=", newcomer);
        foreach (ClusterMember member in three)
        {
            Assert.Contains(lists[0], line => line.EndsWith($" {member.Name} peers={member.Host.PeerUrl} clients={member.Host.ClientUrl}",
                StringComparison.Ordinal));
        }
    }

    private static string[][] Rows(string table) =>
        [.. table.Split('\n').Where(line => line.StartsWith('|')).Skip(1)
            .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToArray())];

    [GeneratedRegex("^Member +(?<id>[0-9a-f]+) added to cluster +(?<cluster>[0-9a-f]+)\n")]
    private static partial Regex Added();

    [GeneratedRegex("ETCD_INITIAL_CLUSTER=\"([^\"]*)\"")]
    private static partial Regex InitialCluster();
}
