using System.Reflection;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>Where the programs are: ours (published, or as built beside the tests) and Go's, where they are at hand.</summary>
public static class Programs
{
    public static string Etcd => Ours("etcd");

    public static string Etcdctl => Ours("etcdctl");

    public static string Etcdutl => Ours("etcdutl");

    /// <summary>
    /// Go etcd's program of a minor version, such as "3.5". The test is skipped, with the reason, where it is missing.
    /// </summary>
    public static string Go(string version, string name)
    {
        string? root = Environment.GetEnvironmentVariable("QUORATE_GO_ETCD");
        Assert.SkipWhen(string.IsNullOrEmpty(root), "QUORATE_GO_ETCD does not name a directory with Go etcd");
        string path = Path.Combine(root!, version, name);
        Assert.SkipUnless(File.Exists(path), $"Go etcd is not at hand: {path}");
        return path;
    }

    private static string Ours(string name)
    {
        string? published = Environment.GetEnvironmentVariable("QUORATE_BIN");
        if (!string.IsNullOrEmpty(published))
        {
            return Path.GetFullPath(Path.Combine(published, name));
        }

        return Built("src", name);
    }

    /// <summary>A program of the samples, as it was built beside the tests.</summary>
    public static string Sample(string name) => Built("samples", name);

    private static string Built(string room, string name)
    {
        string configuration = typeof(Programs).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "Configuration").Value!;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Quorate.slnx")))
            {
                return Path.Combine(folder.FullName, room, name, "bin", configuration, "net10.0", name);
            }
        }

        throw new InvalidOperationException("The tests do not run inside the repository.");
    }
}
