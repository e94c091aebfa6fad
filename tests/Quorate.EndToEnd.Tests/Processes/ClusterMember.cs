namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>One member of a cluster under test: a host, a data directory, and the program that runs there, ours or Go's.</summary>
public sealed class ClusterMember : IAsyncDisposable
{
    private readonly string _dataDirectory = Directory.CreateTempSubdirectory("quorate-e2e-").FullName;
    private string _initialCluster = "";
    private string _state = "new";

    public ClusterMember(string name, Host host, string program)
    {
        Name = name;
        Host = host;
        Executable = program;
    }

    public string Name { get; }

    public Host Host { get; }

    /// <summary>The executable; it may be changed between two runs.</summary>
    public string Executable { get; set; }

    public RunningProgram? Program { get; private set; }

    public string DataDirectory => Path.Combine(_dataDirectory, "data");

    /// <summary>Flags added to those of the story.</summary>
    public List<string> ExtraArguments { get; } = [];

    public string PeerEntry => $"{Name}={Host.PeerUrl}";

    /// <summary>Starts the member with the founding story's flags.</summary>
    public void Start(string initialCluster, string state = "new")
    {
        Program = RunningProgram.Start(Executable,
        [
            "--name", Name,
            "--data-dir", DataDirectory,
            "--initial-advertise-peer-urls", Host.PeerUrl,
            "--listen-peer-urls", Host.PeerUrl,
            "--listen-client-urls", Host.ClientUrl,
            "--advertise-client-urls", Host.ClientUrl,
            "--initial-cluster-token", "etcd-cluster-1",
            "--initial-cluster", initialCluster,
            "--initial-cluster-state", state,
            .. ExtraArguments,
        ], Host.NetworkNamespace);
        _initialCluster = initialCluster;
        _state = state;
    }

    /// <summary>Starts it again with the flags of the last start.</summary>
    public void Restart() => Start(_initialCluster, _state);

    public Task KillAsync() => Program!.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (Program is not null)
        {
            await Program.DisposeAsync();
        }

        Directory.Delete(_dataDirectory, recursive: true);
    }

}
