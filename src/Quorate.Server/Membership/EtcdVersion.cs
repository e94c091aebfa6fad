namespace Quorate.Server.Membership;

/// <summary>The versions of etcd that Quorate speaks as.</summary>
public static class EtcdVersion
{
    /// <summary>The etcd version that Quorate has the behaviour of, unless it is told to keep to a lower one.</summary>
    public const string Newest = "3.7.1";

    /// <summary>The version to advertise for a minor version of --compat-version.</summary>
    public static string FullFor(Version minor) => minor.Minor switch
    {
        4 => "3.4.43",
        5 => "3.5.30",
        6 => "3.6.14",
        _ => Newest,
    };

    /// <summary>Major and minor of a version text; null if it is none.</summary>
    public static Version? ParseMinor(string text) =>
        Version.TryParse(text.Split('-')[0], out Version? version) ? new Version(version.Major, version.Minor) : null;
}
