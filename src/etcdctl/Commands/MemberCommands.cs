using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>member add, remove, update, promote and list (spec 07 §8.1).</summary>
internal static class MemberCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("member add", "<memberName> [options]", "Adds a member into the cluster",
            "etcdctl member add etcd04 --peer-urls=http://192.168.10.117:2380",
            flags => PeerUrls(flags).Add("learner", FlagSet.Kind.Boolean, "false",
                "indicates if the new member is raft learner"), AddAsync),
        new("member remove", "<memberID>", "Removes a member from the cluster", "etcdctl member remove 2be1eb8f84b7f63e",
            _ => { }, RemoveAsync),
        new("member update", "<memberID> [options]", "Updates a member in the cluster",
            "etcdctl member update 2be1eb8f84b7f63e --peer-urls=http://192.168.10.118:2380",
            flags => PeerUrls(flags), UpdateAsync),
        new("member promote", "<memberID>", "Promotes a non-voting member in the cluster",
            "etcdctl member promote 2be1eb8f84b7f63e", _ => { }, PromoteAsync),
        new("member list", "", "Lists all members in the cluster", "etcdctl --write-out=table member list",
            flags => flags.Add("consistency", FlagSet.Kind.Text, "l", "Linearizable(l) or Serializable(s)"), ListAsync),
    ];

    private static FlagSet PeerUrls(FlagSet flags) =>
        flags.Add("peer-urls", FlagSet.Kind.Text, "", "comma separated peer URLs for the member");

    private static async Task<int> AddAsync(CtlContext context)
    {
        if (context.Arguments.Count == 0)
        {
            throw CommandException.BadArguments("member name not provided");
        }

        if (context.Arguments.Count > 1)
        {
            throw CommandException.BadArguments("too many arguments" + string.Concat(context.Arguments
                .Where(argument => argument.StartsWith("http", StringComparison.OrdinalIgnoreCase))
                    .Select(argument => $", did you mean --peer-urls={argument}")));
        }

        string urls = context.Flags.Text("peer-urls");
        if (urls.Length == 0)
        {
            throw CommandException.BadArguments("member peer urls not provided");
        }

        string name = context.Arguments[0];
        var request = new MemberAddRequest { IsLearner = context.Flags.Boolean("learner") };
        request.PeerURLs.AddRange(Checked(urls));
        MemberAddResponse response = await context.CallAsync((calls, options) =>
            new Cluster.ClusterClient(calls).MemberAddAsync(request, options)).ConfigureAwait(false);
        Printer printer = context.Printer;
        printer.Print(response, () =>
        {
            printer.Line($"Member {Id(response.Member.ID)} added{(request.IsLearner ? " as learner" : "")} to cluster {Id(response.Header.ClusterId)}");
            IEnumerable<string> cluster = response.Members.SelectMany(member =>
                member.PeerURLs.Select(url => $"{(member.ID == response.Member.ID ? name : member.Name)}={url}"));
            printer.Line("");
            printer.Line($"ETCD_NAME={GoText.Quote(name)}");
            printer.Line($"ETCD_INITIAL_CLUSTER={GoText.Quote(string.Join(',', cluster))}");
            printer.Line($"ETCD_INITIAL_ADVERTISE_PEER_URLS={GoText.Quote(urls)}");
            printer.Line("ETCD_INITIAL_CLUSTER_STATE=\"existing\"");
        },
        json => json.Object(() =>
        {
            json.Header("header", response.Header, context.IsHex);
            json.Name("member").Member(response.Member, context.IsHex);
            Members(json, response.Members, context.IsHex);
        }));
        return ExitCodes.Success;
    }

    private static async Task<int> RemoveAsync(CtlContext context)
    {
        ulong id = IdOf(context);
        MemberRemoveResponse response = await context
            .CallAsync((calls, options) => new Cluster.ClusterClient(calls)
                .MemberRemoveAsync(new MemberRemoveRequest { ID = id }, options)).ConfigureAwait(false);
        Print(context, response, response.Header, response.Members,
            $"Member {Id(id)} removed from cluster {Id(response.Header.ClusterId)}");
        return ExitCodes.Success;
    }

    private static async Task<int> UpdateAsync(CtlContext context)
    {
        ulong id = IdOf(context);
        string urls = context.Flags.Text("peer-urls");
        if (urls.Length == 0)
        {
            throw CommandException.BadArguments("member peer urls not provided");
        }

        var request = new MemberUpdateRequest { ID = id };
        request.PeerURLs.AddRange(Checked(urls));
        MemberUpdateResponse response = await context.CallAsync((calls, options) =>
            new Cluster.ClusterClient(calls).MemberUpdateAsync(request, options))
            .ConfigureAwait(false);
        Print(context, response, response.Header, response.Members,
            $"Member {Id(id)} updated in cluster {Id(response.Header.ClusterId)}");
        return ExitCodes.Success;
    }

    private static async Task<int> PromoteAsync(CtlContext context)
    {
        ulong id = IdOf(context);
        MemberPromoteResponse response = await context
            .CallAsync((calls, options) => new Cluster.ClusterClient(calls)
                .MemberPromoteAsync(new MemberPromoteRequest { ID = id }, options)).ConfigureAwait(false);
        Print(context, response, response.Header, response.Members,
            $"Member {Id(id)} promoted in cluster {Id(response.Header.ClusterId)}");
        return ExitCodes.Success;
    }

    private static async Task<int> ListAsync(CtlContext context)
    {
        bool isLinearizable = context.Flags.Text("consistency") switch
        {
            "l" => true,
            "s" => false,
            _ => throw new CommandException(ExitCodes.BadFeature, "unknown consistency flag \"l\""),
        };
        MemberListResponse response = await context.CallAsync(
            (calls, options) => new Cluster.ClusterClient(calls)
                .MemberListAsync(new MemberListRequest { Linearizable = isLinearizable }, options), isRead: true)
            .ConfigureAwait(false);
        Printer printer = context.Printer;
        printer.Print(response, () =>
        {
            foreach (string[] cells in response.Members.Select(Cells))
            {
                printer.Line(string.Join(", ", cells));
            }
        },
        json => json.Object(() =>
        {
            json.Header("header", response.Header, context.IsHex);
            Members(json, response.Members, context.IsHex);
        }),
        () =>
        {
            printer.HeaderFields(response.Header);
            foreach (Member member in response.Members)
            {
                printer.IdField("ID", member.ID);
                printer.QuotedField("Name", member.Name);
                foreach (string url in member.PeerURLs)
                {
                    printer.QuotedField("PeerURL", url);
                }

                foreach (string url in member.ClientURLs)
                {
                    printer.QuotedField("ClientURL", url);
                }

                printer.Field("IsLearner", member.IsLearner ? "true" : "false");
                printer.Line("");
            }
        },
        () =>
        {
            var table = new Table("ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner");
            foreach (string[] cells in response.Members.Select(Cells))
            {
                table.Add(cells);
            }

            return table;
        });
        return ExitCodes.Success;
    }

    private static string[] Cells(Member member) =>
    [
        member.ID.ToString("x"), member.Name.Length == 0 ? "unstarted" : "started", member.Name,
            string.Join(',', member.PeerURLs),
        string.Join(',', member.ClientURLs), member.IsLearner ? "true" : "false",
    ];

    private static void Members(JsonWriter json, IEnumerable<Member> members, bool hex) =>
        json.Name("members").Array(members, member => json.Member(member, hex));

    private static void Print(CtlContext context, Google.Protobuf.IMessage message, ResponseHeader header,
        IEnumerable<Member> members, string line) =>
        context.Printer.Print(message, () => context.Printer.Line(line), json => json.Object(() =>
        {
            json.Header("header", header, context.IsHex);
            Members(json, members, context.IsHex);
        }));

    private static string[] Checked(string urls)
    {
        string[] parts = urls.Split(',');
        foreach (string url in parts)
        {
            string scheme = url.Split("://")[0];
            if (scheme == url || scheme is not ("http" or "https" or "unix" or "unixs"))
            {
                throw new CommandException(ExitCodes.Error, $"URL scheme must be http, https, unix, or unixs: {url}");
            }
        }

        return parts;
    }

    private static ulong IdOf(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("member ID is not provided");
        }

        return GoText.TryHexUInt64(context.Arguments[0], out ulong id, out string fault)
            ? id
            : throw CommandException.BadArguments($"bad member ID arg ({fault}), expecting ID in Hex");
    }

    /// <summary>Padded with blanks, as these lines always were.</summary>
    private static string Id(ulong id) => id.ToString("x").PadLeft(16);
}
