using Quorate.EndToEnd.Tests.Processes;

namespace Quorate.EndToEnd.Tests.Interop;

/// <summary>Database files between ours and Go's tools, in both directions (spec 05 §13, 07).</summary>
public sealed class SnapshotFiles
{
    [Fact]
    public async Task Either_tool_reads_the_database_and_the_snapshot_of_either_server()
    {
        string goEtcd = Programs.Go("3.5", "etcd"), goCtl = Programs.Go("3.5", "etcdctl"), goUtl = Programs.Go("3.5", "etcdutl");
        foreach (string server in (string[])[Programs.Etcd, goEtcd])
        {
            await using TestCluster cluster = await TestCluster.StartAsync([server]);
            ClusterMember member = cluster.Members[0];
            var ctl = Ctl.To(member);
            for (int number = 0; number < 50; number++)
            {
                await ctl.RunAsync("put", $"key{number:D3}", new string('v', number * 40));
            }

            DirectoryInfo folder = Directory.CreateTempSubdirectory("quorate-e2e-");
            try
            {
                string ours = Path.Combine(folder.FullName, "ours.db"), gos = Path.Combine(folder.FullName, "gos.db");
                await ctl.RunAsync("snapshot", "save", ours);
                await (ctl with { Program = goCtl }).RunAsync("snapshot", "save", gos);
                await member.Program!.StopAsync();
                string database = Path.Combine(folder.FullName, "copy.db");
                File.Copy(Path.Combine(member.DataDirectory, "member", "snap", "db"), database);
                foreach (string file in (string[])[ours, gos, database])
                {
                    string told = await Command.OutputAsync(goUtl, ["snapshot", "status", file]);
                    string hash = told.Split(',')[0], revision = told.Split(',')[1];
                    string[] own = (await Command.OutputAsync(Programs.Etcdutl, ["snapshot", "status", file])).Split(',');
                    Assert.Equal((hash, revision), (own[0], own[1]));
                }

                // What one tool restores, the server of the other kind starts on.
                await RestoreAsync(goUtl, ours, Programs.Etcd);
                await RestoreAsync(Programs.Etcdutl, gos, goEtcd);
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }
    }

    private static async Task RestoreAsync(string tool, string snapshot, string server)
    {
        await using var cluster = new TestCluster();
        var member = new ClusterMember("restored", Host.Loopback(), server);
        cluster.Members.Add(member);
        await Command.OutputAsync(tool,
        [
            "snapshot", "restore", snapshot, "--name", member.Name, "--data-dir", member.DataDirectory,
            "--initial-cluster", member.PeerEntry, "--initial-advertise-peer-urls", member.Host.PeerUrl,
            "--initial-cluster-token", "etcd-cluster-1",
        ]);
        member.Start(member.PeerEntry);
        await cluster.HealthyAsync();
        string values = await Ctl.To(member).RunAsync("get", "key", "--prefix", "--keys-only");
        Assert.Equal(50, values.Split('\n').Count(line => line.StartsWith("key", StringComparison.Ordinal)));
    }
}
